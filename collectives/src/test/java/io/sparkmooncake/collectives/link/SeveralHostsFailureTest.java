// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.collectives.testing.RankProcesses;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What goes wrong on one host is the same error on every rank of every host: one code, one text, within the deadline. */
final class SeveralHostsFailureTest {
    private static final Map<String, String> NO_SHARED_MEMORY = Map.of("spark.mooncake.transfer.paths", "tcp");

    private static RankProcesses processes(int hosts, int timeoutSeconds) throws Exception {
        return new RankProcesses(
                hosts, new Rendezvous.Options(Duration.ofSeconds(timeoutSeconds), 1_024), NO_SHARED_MEMORY);
    }

    private static List<CollectiveException> failures(List<CompletableFuture<Integer>> ranks) throws Exception {
        List<CollectiveException> failures = new ArrayList<>();
        for (CompletableFuture<Integer> rank : ranks) {
            Throwable failure = RankProcesses.failure(rank);
            assertThat(failure).isInstanceOf(CollectiveException.class);
            failures.add((CollectiveException) failure);
        }
        return failures;
    }

    /** Returns the one failure of all ranks. */
    private static CollectiveException same(List<CompletableFuture<Integer>> ranks) throws Exception {
        List<CollectiveException> failures = failures(ranks);
        CollectiveException first = failures.get(0);
        assertThat(failures)
                .allSatisfy(failure -> assertThat(failure)
                        .hasMessage(first.getMessage())
                        .extracting("code")
                        .isEqualTo(first.code()));
        return first;
    }

    private static int reduceForEver(Communicator communicator) throws Exception {
        double[] values = new double[2_000];
        while (true) {
            communicator.allReduce(Elements.of(values), Elements.of(values), ReduceOp.SUM);
        }
    }

    @ParameterizedTest(name = "{0} ranks on {1} hosts")
    @CsvSource({"2, 2", "3, 3", "4, 2", "5, 2"})
    void anotherOperationOnOneRankIsNamedOnAll(int size, int hosts) throws Exception {
        try (RankProcesses processes = processes(hosts, 30)) {
            CollectiveException failure = same(processes.startAll("desync", 1, size, communicator -> {
                float[] values = new float[1_000];
                communicator.barrier();
                if (communicator.membership().rank() == 1) {
                    communicator.broadcast(Elements.of(values), 1);
                } else {
                    communicator.allReduce(Elements.of(values), Elements.of(values), ReduceOp.SUM);
                }
                communicator.barrier();
                communicator.barrier();
                return 0;
            }));
            assertThat(failure.code()).isEqualTo(Code.DESYNC);
            assertThat(failure.getMessage())
                    .startsWith("communicator=desync epoch=1: rank ")
                    .contains(" is at #", ", we are at #", "; found by rank ", "(127.0.0.1:")
                    .containsAnyOf("#3 BROADCAST float32[1000] root=1", "#3 ALL_REDUCE float32[1000] SUM");
        }
    }

    @ParameterizedTest(name = "{0} ranks on {1} hosts")
    @CsvSource({"2, 2", "4, 4", "4, 2"})
    @Execution(ExecutionMode.CONCURRENT)
    void aSilentRankIsNamedAtTheDeadline(int size, int hosts) throws Exception {
        try (RankProcesses processes = processes(hosts, 3)) {
            CountDownLatch over = new CountDownLatch(1);
            List<CompletableFuture<Integer>> ranks = processes.startAll("silent", 1, size, communicator -> {
                communicator.barrier();
                if (communicator.membership().rank() == 1) {
                    assertThat(over.await(60, TimeUnit.SECONDS)).isTrue();
                }
                return reduceForEver(communicator);
            });
            long startNanos = System.nanoTime();
            List<CompletableFuture<Integer>> others = new ArrayList<>(ranks);
            others.remove(1);
            CollectiveException failure = same(others);
            assertThat(Duration.ofNanos(System.nanoTime() - startNanos)).isLessThan(Duration.ofSeconds(60));
            over.countDown();
            assertThat(failure.code()).isEqualTo(Code.TIMED_OUT);
            assertThat(failure.getMessage())
                    .contains("rank 1 (127.0.0.1:")
                    .contains(" did not come to #3 ALL_REDUCE float64[2000] SUM within 3.");
            assertThat(failures(ranks).get(1)).hasMessage(failure.getMessage());
        }
    }

    @ParameterizedTest(name = "{0} ranks on {1} hosts")
    @CsvSource({"3, 3", "6, 3"})
    @Execution(ExecutionMode.CONCURRENT)
    void aLostProcessIsTheSameOnAllRanksAtOnce(int size, int hosts) throws Exception {
        try (RankProcesses processes = processes(hosts, 60)) {
            CountDownLatch joined = new CountDownLatch(size);
            List<CompletableFuture<Integer>> ranks = processes.startAll("lost", 1, size, communicator -> {
                joined.countDown();
                return reduceForEver(communicator);
            });
            assertThat(joined.await(60, TimeUnit.SECONDS)).isTrue();
            processes.host().ownerLost("exec-2", "container killed");
            CollectiveException failure = same(ranks);
            assertThat(failure.code()).isEqualTo(Code.RANK_LOST);
            // Whoever waits for the rank finds it lost, whoever sends to it cannot reach it.
            assertThat(failure.getMessage())
                    .containsPattern(
                            "rank 2 \\(127\\.0\\.0\\.1:\\d+\\) (is lost|cannot be reached) in #\\d+ ALL_REDUCE float64\\[2000\\] SUM")
                    .contains("container killed");
        }
    }

    @ParameterizedTest(name = "{0} ranks on {1} hosts")
    @CsvSource({"3, 3", "5, 2"})
    void abortReachesAllRanksWithItsReason(int size, int hosts) throws Exception {
        try (RankProcesses processes = processes(hosts, 60)) {
            CollectiveException failure = same(processes.startAll("abort", 1, size, communicator -> {
                communicator.barrier();
                if (communicator.membership().rank() == size - 1) {
                    communicator.abort("the disk is full");
                }
                return reduceForEver(communicator);
            }));
            assertThat(failure.code()).isEqualTo(Code.ABORTED);
            assertThat(failure.getMessage()).contains("rank " + (size - 1)).contains("the disk is full");
        }
    }

    @Test
    void aRankThatLeavesEarlyIsNamed() throws Exception {
        try (RankProcesses processes = processes(3, 60)) {
            List<CompletableFuture<Integer>> ranks = processes.startAll("left", 1, 3, communicator -> {
                communicator.barrier();
                return communicator.membership().rank() == 2 ? 2 : reduceForEver(communicator);
            });
            assertThat(ranks.get(2).get(60, TimeUnit.SECONDS)).isEqualTo(2);
            CollectiveException failure = same(ranks.subList(0, 2));
            assertThat(failure.code()).isEqualTo(Code.DESYNC);
            assertThat(failure.getMessage())
                    .contains("rank 2 (127.0.0.1:")
                    .contains("left after #2 BARRIER, we are at #3 ALL_REDUCE float64[2000] SUM");
        }
    }

    @Test
    void anInterruptEndsEveryRank() throws Exception {
        try (RankProcesses processes = processes(2, 60)) {
            List<CompletableFuture<Integer>> ranks = processes.startAll("interrupt", 1, 4, communicator -> {
                communicator.barrier();
                if (communicator.membership().rank() == 3) {
                    Thread.currentThread().interrupt();
                }
                return reduceForEver(communicator);
            });
            CollectiveException failure = same(ranks);
            assertThat(failure.code()).isEqualTo(Code.INTERRUPTED);
            assertThat(failure.getMessage())
                    .contains("rank 3 (127.0.0.1:")
                    .contains("was interrupted in #3 ALL_REDUCE");
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void whoCannotAskTheStoreLetsItsOwnVerdictStand() throws Exception {
        try (RankProcesses processes = processes(2, 60)) {
            CountDownLatch joined = new CountDownLatch(2);
            List<CompletableFuture<Integer>> ranks = processes.startAll("alone", 1, 2, communicator -> {
                joined.countDown();
                assertThat(joined.await(60, TimeUnit.SECONDS)).isTrue();
                if (communicator.membership().rank() == 1) {
                    processes.cutStore();
                    communicator.abort("no driver");
                }
                return reduceForEver(communicator);
            });
            assertThat(same(ranks).getMessage()).contains("no driver");
            processes.mendStore();
        }
    }
}
