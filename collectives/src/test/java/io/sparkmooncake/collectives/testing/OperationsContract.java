// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.collectives.testing.RandomCall.CallKind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every fabric gives: the bits of the sequential reference for every operation, type, memory and number of ranks, and nothing
 * that depends on ranks that take no part. A fabric's test extends it and says where its ranks run.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class OperationsContract {
    private static final int ROUNDS = 120;

    private RankProcesses processes;

    /** Starts processes whose ranks meet over the fabric, best with windows so small that most vectors pass through in chunks. */
    protected abstract RankProcesses start() throws Exception;

    /** Returns in which order the fabric takes operands. */
    protected OperandOrder order() {
        return OperandOrder.RANKS;
    }

    @BeforeAll
    final void startProcesses() throws Exception {
        processes = start();
    }

    @AfterAll
    final void stopProcesses() {
        processes.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8})
    void everyOperationGivesTheBitsOfTheSequentialReference(int size) throws Exception {
        long seed = 4_711L + size;
        List<Integer> rounds = processes.runAll("contract-" + size, 1, size, communicator -> {
            for (int round = 0; round < ROUNDS; round++) {
                new RandomCall(communicator, order(), seed * 1_000 + round).check();
            }
            return ROUNDS;
        });
        assertThat(rounds).hasSize(size).containsOnly(ROUNDS);
    }

    @Tag("campaign")
    @ParameterizedTest
    @ValueSource(ints = {4, 6, 7, 9})
    void everyOperationOfOtherNumbersOfRanks(int size) throws Exception {
        everyOperationGivesTheBitsOfTheSequentialReference(size);
    }

    @Test
    void longVectorsHaveTheSameBitsOnEveryRankAndInEveryRun() throws Exception {
        int count = 300_000;
        List<List<double[]>> runs = new ArrayList<>();
        for (int run = 0; run < 2; run++) {
            runs.add(processes.runAll("long", run, 3, communicator -> {
                double[] values = new double[count];
                Arrays.setAll(
                        values, i -> Math.sin(i) * (communicator.membership().rank() + 0.1));
                Elements elements = Elements.of(values);
                communicator.allReduce(elements, elements, ReduceOp.SUM);
                return values;
            }));
        }
        double[] expected = new double[count];
        for (int rank : order().of(3)) {
            for (int i = 0; i < count; i++) {
                double operand = Math.sin(i) * (rank + 0.1);
                expected[i] = rank == order().of(3)[0] ? operand : expected[i] + operand;
            }
        }
        assertThat(runs)
                .allSatisfy(run ->
                        assertThat(run).allSatisfy(result -> assertThat(result).isEqualTo(expected)));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void noRankDependsOnThoseThatTakeNoPart(int size) throws Exception {
        int subsets = (1 << size) - 1;
        List<CountDownLatch> over = new ArrayList<>();
        for (int mask = 1; mask <= subsets; mask++) {
            over.add(new CountDownLatch(Integer.bitCount(mask)));
        }
        List<Integer> calls = processes.runAll("inactive-" + size, 1, size, communicator -> {
            int done = 0;
            for (int mask = 1; mask <= subsets; mask++) {
                CountDownLatch all = over.get(mask - 1);
                if ((mask >> communicator.membership().rank() & 1) != 0) {
                    done += everyCallOf(communicator, members(mask, size), mask);
                    all.countDown();
                }
                // Who takes no part does nothing at all until the others are through.
                assertThat(all.await(60, TimeUnit.SECONDS)).isTrue();
            }
            return done;
        });
        assertThat(calls).hasSize(size).containsOnly(expectedCalls(size));
    }

    @Tag("campaign")
    @Test
    void noneOfSixRanksDependsOnThoseThatTakeNoPart() throws Exception {
        noRankDependsOnThoseThatTakeNoPart(6);
    }

    private static int[] members(int mask, int size) {
        return IntStream.range(0, size).filter(rank -> (mask >> rank & 1) != 0).toArray();
    }

    private int everyCallOf(Communicator parent, int[] members, int mask) throws Exception {
        int done = 0;
        try (Communicator active = parent.subset(members)) {
            assertThat(active.membership().size()).isEqualTo(members.length);
            assertThat(members[active.membership().rank()])
                    .isEqualTo(parent.membership().rank());
            for (CallKind kind : CallKind.values()) {
                for (int root = 0; root < members.length; root++) {
                    new RandomCall(active, order(), mask * 1_000L + root, kind, root).check();
                    done++;
                }
            }
            active.barrier();
        }
        return done;
    }

    private static int expectedCalls(int size) {
        int calls = 0;
        for (int mask = 1; mask < 1 << size; mask += 2) {
            calls += CallKind.values().length * Integer.bitCount(mask);
        }
        return calls;
    }

    @Test
    void refusesWhatItCanSeeToBeWrongAndGoesOn() throws Exception {
        List<Integer> sums = processes.runAll("fit", 1, 2, communicator -> {
            Elements three = Elements.of(new int[3]);
            refused(
                    () -> communicator.allReduce(three, Elements.of(new int[4]), ReduceOp.SUM),
                    "source=int32[3] and target=int32[4] differ");
            refused(
                    () -> communicator.allReduce(three, Elements.of(new float[3]), ReduceOp.SUM),
                    "source=int32[3] and target=float32[3] differ");
            refused(
                    () -> communicator.allReduce(three, three, ReduceOp.AVG),
                    "AVG does not reduce type=int32: a mean is no integer: reduce with SUM and divide");
            refused(() -> communicator.allGather(three, three), "source=int32[3] x 2 and target=int32[3] differ");
            refused(
                    () -> communicator.reduceScatter(three, three, ReduceOp.SUM),
                    "source=int32[3] and target=int32[3] x 2 differ");
            refused(
                    () -> communicator.allGather(three, three, Blocks.of(1, 1, 1)),
                    "blocks=3 x 1 are not one for each of size=2 ranks");
            refused(
                    () -> communicator.allToAll(three, three),
                    "source=int32[3] does not divide into size=2 blocks of one count");
            refused(() -> communicator.broadcast(three, 2), "root=2 is none of size=2 ranks");
            int rank = communicator.membership().rank();
            refused(
                    () -> communicator.reduce(three, null, ReduceOp.SUM, rank),
                    "target=null on root=" + rank + ", which must have one");
            refused(
                    () -> communicator.send(three, rank, 0),
                    "to=" + rank + " is this rank: a rank sends nothing to itself");
            refused(() -> communicator.receive(three, 1 - rank, -1), "tag=-1, least is 0");
            int[] sum = {rank + 1};
            communicator.allReduce(Elements.of(sum), Elements.of(sum), ReduceOp.SUM);
            return sum[0];
        });
        assertThat(sums).containsExactly(3, 3);
    }

    private static void refused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    @Test
    void sixteenBitsAreRoundedOnce() throws Exception {
        // 1 + 2^-11 + 2^-11 rounds to 1 twice in a half, and to 1 + 2^-10 when it is rounded at the end.
        short[] operands = {0x3c00, 0x1000, 0x1000};
        List<Short> sums = processes.runAll("halves", 1, 3, communicator -> {
            short[] value = {operands[communicator.membership().rank()]};
            Elements elements = Elements.of(value, DataType.FLOAT16);
            communicator.allReduce(elements, elements, ReduceOp.SUM);
            return value[0];
        });
        assertThat(sums).containsOnly((short) 0x3c01);
    }
}
