// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.collectives.testing.RankProcesses;
import io.sparkmooncake.collectives.testing.SequentialReference;
import io.sparkmooncake.collectives.testing.TestVector;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every operation against a sequential reference, bit by bit: random types, counts, roots and memories, 1 to 9 ranks, and windows
 * that are so small that most vectors pass through them in chunks.
 */
final class CollectivesContractTest {
    private static final int ROUNDS = 60;
    private static final int MAX_COUNT = 3_000;
    private static RankProcesses smallWindows;

    @BeforeAll
    static void start() throws Exception {
        smallWindows = new RankProcesses(3, new Rendezvous.Options(Duration.ofSeconds(60), 1_024), Map.of());
    }

    @AfterAll
    static void stop() {
        smallWindows.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9})
    void everyOperationGivesTheBitsOfTheSequentialReference(int size) throws Exception {
        long seed = 4_711L + size;
        List<Integer> rounds = smallWindows.runAll("contract-" + size, 1, size, communicator -> {
            for (int round = 0; round < ROUNDS; round++) {
                new Round(communicator, seed, round).check();
            }
            return ROUNDS;
        });
        assertThat(rounds).hasSize(size).containsOnly(ROUNDS);
    }

    @Test
    void slicesOfLongVectorsAgreeOnEveryRank() throws Exception {
        int count = 300_000;
        try (RankProcesses processes = new RankProcesses(2, Rendezvous.Options.DEFAULT, Map.of())) {
            List<double[]> results = processes.runAll("long", 1, 3, communicator -> {
                double[] values = new double[count];
                for (int i = 0; i < count; i++) {
                    values[i] = Math.sin(i) * (communicator.membership().rank() + 0.1);
                }
                Elements elements = Elements.of(values);
                communicator.allReduce(elements, elements, ReduceOp.SUM);
                return values;
            });
            double[] expected = new double[count];
            for (int i = 0; i < count; i++) {
                expected[i] = Math.sin(i) * 0.1 + Math.sin(i) * (1 + 0.1) + Math.sin(i) * (2 + 0.1);
            }
            assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(expected));
        }
    }

    @Test
    void refusesVectorsThatDoNotFitAndGoesOn() throws Exception {
        List<Integer> sums = smallWindows.runAll("fit", 1, 2, communicator -> {
            Elements three = Elements.of(new int[3]);
            assertThatThrownBy(() -> communicator.allReduce(three, Elements.of(new int[4]), ReduceOp.SUM))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("source=int32[3] and target=int32[4] differ");
            assertThatThrownBy(() -> communicator.allReduce(three, Elements.of(new float[3]), ReduceOp.SUM))
                    .hasMessage("source=int32[3] and target=float32[3] differ");
            assertThatThrownBy(() -> communicator.allGather(three, three))
                    .hasMessage("source=int32[3] x 2 and target=int32[3] differ");
            assertThatThrownBy(() -> communicator.reduceScatter(three, three, ReduceOp.SUM))
                    .hasMessage("source=int32[3] and target=int32[3] x 2 differ");
            assertThatThrownBy(() -> communicator.broadcast(three, 2)).hasMessage("root=2 is none of size=2 ranks");
            int[] sum = {communicator.membership().rank() + 1};
            communicator.allReduce(Elements.of(sum), Elements.of(sum), ReduceOp.SUM);
            return sum[0];
        });
        assertThat(sums).containsExactly(3, 3);
    }

    @Test
    void severalCommunicatorsLiveSideBySide() throws Exception {
        List<Integer> results = smallWindows.runAll("outer", 1, 2, outer -> {
            try (Communicator inner = smallWindows.join(
                    new Membership("inner", 1, 1 - outer.membership().rank(), 2))) {
                int[] value = {outer.membership().rank()};
                inner.broadcast(Elements.of(value), 0);
                outer.allReduce(Elements.of(value), Elements.of(value), ReduceOp.SUM);
                return value[0];
            }
        });
        // Rank 0 of the inner is rank 1 of the outer.
        assertThat(results).containsExactly(2, 2);
    }

    /** One call with random parameters, which are the same on every rank. */
    private static final class Round {
        private final Communicator communicator;
        private final int rank;
        private final int size;
        private final Random random;
        private final DataType type;
        private final ReduceOp op;
        private final int count;
        private final int operation;
        private final int root;
        private final long inputSeed;
        private final String name;

        Round(Communicator communicator, long seed, int round) {
            this.communicator = communicator;
            this.rank = communicator.membership().rank();
            this.size = communicator.membership().size();
            this.random = new Random(seed * 1_000 + round);
            this.type = any(DataType.values());
            this.op = any(Arrays.stream(ReduceOp.values())
                    .filter(each -> each.takes(type))
                    .toArray(ReduceOp[]::new));
            this.count = random.nextInt(4) == 0 ? random.nextInt(4) : random.nextInt(MAX_COUNT);
            this.operation = random.nextInt(6);
            this.root = random.nextInt(size);
            this.inputSeed = random.nextLong();
            this.name = "round=" + round + " operation=" + operation + " type=" + type + " op=" + op + " count=" + count
                    + " root=" + root + " rank=" + rank;
        }

        private <E> E any(E[] all) {
            return all[random.nextInt(all.length)];
        }

        private List<Number> input(int ofRank, int length) {
            return TestVector.random(type, length, new Random(inputSeed + ofRank));
        }

        private List<Number> reduced(int length) {
            List<List<Number>> operands = new ArrayList<>();
            for (int other = 0; other < size; other++) {
                operands.add(input(other, length));
            }
            return SequentialReference.reduce(type, op, operands);
        }

        private Elements place(List<Number> values) {
            return random.nextBoolean() ? TestVector.onHeap(type, values) : TestVector.offHeap(type, values);
        }

        private Elements empty(int length) {
            return place(Collections.nCopies(length, (byte) 0));
        }

        void check() throws Exception {
            switch (operation) {
                case 0 -> {
                    Elements source = place(input(rank, count));
                    Elements target = empty(count);
                    communicator.allReduce(source, target, op);
                    expect(target, reduced(count));
                    expect(source, input(rank, count));
                }
                case 1 -> {
                    Elements both = place(input(rank, count));
                    communicator.allReduce(both, both, op);
                    expect(both, reduced(count));
                }
                case 2 -> {
                    Elements target = empty(count);
                    communicator.reduceScatter(place(input(rank, count * size)), target, op);
                    expect(target, reduced(count * size).subList(rank * count, (rank + 1) * count));
                }
                case 3 -> {
                    Elements target = empty(count * size);
                    communicator.allGather(place(input(rank, count)), target);
                    List<Number> expected = new ArrayList<>();
                    for (int other = 0; other < size; other++) {
                        expected.addAll(input(other, count));
                    }
                    expect(target, expected);
                }
                case 4 -> {
                    Elements elements = place(input(rank, count));
                    communicator.broadcast(elements, root);
                    expect(elements, input(root, count));
                }
                default -> communicator.barrier();
            }
        }

        private void expect(Elements actual, List<Number> expected) {
            assertThat(TestVector.values(actual)).as(name).isEqualTo(expected);
        }
    }
}
