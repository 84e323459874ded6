// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** What every fabric gives about communicators made from others, several at once, and objects. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class GroupsContract {
    private RankProcesses processes;

    /** Starts processes whose ranks meet over the fabric. */
    protected abstract RankProcesses start() throws Exception;

    @BeforeAll
    final void startProcesses() throws Exception {
        processes = start();
    }

    @AfterAll
    final void stopProcesses() {
        processes.close();
    }

    private static int sum(Communicator communicator, int value) throws Exception {
        int[] values = {value};
        communicator.allReduce(Elements.of(values), Elements.of(values), ReduceOp.SUM);
        return values[0];
    }

    @Test
    void aSplitOrdersRanksByKeyAndKnowsNothingOfOtherColors() throws Exception {
        List<List<Integer>> results = processes.runAll("split", 1, 6, communicator -> {
            int rank = communicator.membership().rank();
            int color = rank == 5 ? Communicator.NO_COLOR : rank % 2;
            Optional<Communicator> part = communicator.split(color, -rank);
            if (part.isEmpty()) {
                return List.of(-1);
            }
            try (Communicator own = part.get()) {
                return List.of(own.membership().rank(), own.membership().size(), sum(own, rank));
            }
        });
        assertThat(results)
                .containsExactly(
                        List.of(2, 3, 6),
                        List.of(1, 2, 4),
                        List.of(1, 3, 6),
                        List.of(0, 2, 4),
                        List.of(0, 3, 6),
                        List.of(-1));
    }

    @Test
    void duplicatesAndSubsetsAreNewEachTimeAndOutliveEachOther() throws Exception {
        List<Integer> sums = processes.runAll("duplicates", 1, 3, communicator -> {
            int rank = communicator.membership().rank();
            Communicator first = communicator.duplicate();
            Communicator second = communicator.duplicate();
            Communicator third = second.duplicate();
            assertThat(List.of(
                            first.membership().communicator(),
                            second.membership().communicator(),
                            third.membership().communicator()))
                    .containsExactly("duplicates.dup0", "duplicates.dup1", "duplicates.dup1.dup0");
            first.close();
            second.close();
            int sum = sum(third, rank);
            third.close();
            if (rank != 1) {
                for (int i = 0; i < 2; i++) {
                    try (Communicator two = communicator.subset(2, 0)) {
                        assertThat(two.membership().rank()).isEqualTo(rank == 2 ? 0 : 1);
                        sum += sum(two, 10);
                    }
                }
            }
            communicator.barrier();
            return sum;
        });
        assertThat(sums).containsExactly(43, 3, 43);
    }

    @Test
    void subsetsThatCannotBeAreRefused() throws Exception {
        processes.runAll("refused", 1, 2, communicator -> {
            int rank = communicator.membership().rank();
            assertThatThrownBy(() -> communicator.subset(1 - rank))
                    .hasMessage("rank=" + rank + " is not in the subset=[" + (1 - rank) + "] that it makes");
            assertThatThrownBy(() -> communicator.subset(rank, rank)).hasMessageContaining("is in the subset twice");
            assertThatThrownBy(() -> communicator.subset(rank, 2)).hasMessage("rank=2 is none of size=2 ranks");
            assertThatThrownBy(() -> communicator.split(-2, 0)).hasMessage("color=-2, least is 0, or NO_COLOR");
            communicator.barrier();
            return 0;
        });
    }

    @Test
    void namesThatWouldBeTooLongAreShortened() throws Exception {
        String name = "n".repeat(Membership.MAX_NAME_CHARS);
        List<String> names = processes.runAll(name, 1, 2, communicator -> {
            try (Communicator copy = communicator.duplicate()) {
                copy.barrier();
                return copy.membership().communicator();
            }
        });
        assertThat(names.get(0)).matches("[0-9a-f]{16}\\.dup0").isEqualTo(names.get(1));
    }

    @Test
    void severalCommunicatorsLiveSideBySide() throws Exception {
        List<Integer> results = processes.runAll("outer", 1, 2, outer -> {
            int rank = outer.membership().rank();
            // Rank 0 of the inner is rank 1 of the outer.
            try (Communicator inner = processes.join(new Membership("inner", 1, 1 - rank, 2))) {
                List<CompletableFuture<Void>> futures = new ArrayList<>();
                int[] outerValue = {rank};
                int[] innerValue = {rank};
                for (int i = 0; i < 20; i++) {
                    futures.add(inner.async(c -> c.broadcast(Elements.of(innerValue), 0)));
                    outer.allReduce(Elements.of(outerValue), Elements.of(outerValue), ReduceOp.MAX);
                }
                for (CompletableFuture<Void> future : futures) {
                    future.get(60, TimeUnit.SECONDS);
                }
                return outerValue[0] * 10 + innerValue[0];
            }
        });
        assertThat(results).containsExactly(11, 11);
    }

    @Test
    void bytesOfAnyLengthAreGatheredInTheOrderOfRanks() throws Exception {
        List<List<String>> gathered = processes.runAll("bytes", 1, 4, communicator -> {
            int rank = communicator.membership().rank();
            byte[] own = "x".repeat(rank * 1_000).getBytes(StandardCharsets.UTF_8);
            return communicator.allGatherBytes(own).stream()
                    .map(bytes -> new String(bytes, StandardCharsets.UTF_8))
                    .toList();
        });
        List<String> expected = List.of("", "x".repeat(1_000), "x".repeat(2_000), "x".repeat(3_000));
        assertThat(gathered).containsOnly(expected);
    }

    @Test
    void objectsAreReducedInTheOrderOfRanksAndCopiedFromTheRoot() throws Exception {
        List<List<Object>> results = processes.runAll("objects", 1, 3, communicator -> {
            int rank = communicator.membership().rank();
            String joined = communicator.allReduceObject("<" + rank + ">", String::concat);
            BigInteger product = communicator.allReduceObject(BigInteger.TEN.pow(rank * 30), BigInteger::multiply);
            ArrayList<Integer> list =
                    communicator.broadcastObject(rank == 1 ? new ArrayList<>(List.of(1, 2)) : null, 1);
            return List.of(joined, product, list, communicator.allGatherObjects(rank));
        });
        assertThat(results).containsOnly(List.of("<0><1><2>", BigInteger.TEN.pow(90), List.of(1, 2), List.of(0, 1, 2)));
    }

    @Test
    void whatCannotBeWrittenIsRefusedBeforeAnythingIsSent() throws Exception {
        processes.runAll("unwritable", 1, 2, communicator -> {
            ArrayList<Object> unwritable = new ArrayList<>(List.of(new Object()));
            assertThatThrownBy(() -> communicator.allGatherObjects(unwritable))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("object of class=java.util.ArrayList cannot be written");
            assertThatThrownBy(() -> communicator.broadcastObject(
                            null, communicator.membership().rank()))
                    .hasMessageContaining("which must have one");
            communicator.barrier();
            return 0;
        });
    }
}
