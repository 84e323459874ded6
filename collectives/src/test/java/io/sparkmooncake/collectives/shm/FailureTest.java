// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
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
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Whatever breaks a communicator ends the waits of all ranks, with one code and one text. */
final class FailureTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(3);
    private static RankProcesses processes;

    @BeforeAll
    static void start() throws Exception {
        processes = new RankProcesses(2, new Rendezvous.Options(TIMEOUT, 1_024), Map.of());
    }

    @AfterAll
    static void stop() {
        processes.close();
    }

    /** Checks that all ranks failed alike and returns the failure. */
    private static CollectiveException sameFailure(List<? extends CompletableFuture<?>> ranks) throws Exception {
        List<CollectiveException> failures = new ArrayList<>();
        for (CompletableFuture<?> rank : ranks) {
            Throwable failure = RankProcesses.failure(rank);
            assertThat(failure).isInstanceOf(CollectiveException.class);
            failures.add((CollectiveException) failure);
        }
        assertThat(failures)
                .extracting(CollectiveException::code)
                .containsOnly(failures.get(0).code());
        assertThat(failures)
                .extracting(Throwable::getMessage)
                .containsOnly(failures.get(0).getMessage());
        return failures.get(0);
    }

    private static void reduce(Communicator communicator, int count) throws Exception {
        Elements elements = Elements.of(new double[count]);
        communicator.allReduce(elements, elements, ReduceOp.SUM);
    }

    @Test
    void differentOperationsAreNamedOnEveryRank() throws Exception {
        CollectiveException failure = sameFailure(processes.startAll("desync", 7, 3, communicator -> {
            communicator.barrier();
            if (communicator.membership().rank() == 2) {
                communicator.allGather(Elements.of(new float[8]), Elements.of(new float[24]));
            } else {
                reduce(communicator, 1_024);
            }
            // Whoever was through before the others differed fails here.
            communicator.barrier();
            return 0;
        }));
        assertThat(failure.code()).isEqualTo(Code.DESYNC);
        assertThat(failure.getMessage())
                .startsWith("communicator=desync epoch=7: rank ")
                .containsPattern(
                        "(rank 2 \\(127\\.0\\.0\\.1:\\d+\\) is at #3 ALL_GATHER float32\\[8\\], we are at #3 ALL_REDUCE"
                                + " float64\\[1024\\] SUM)|(is at #3 ALL_REDUCE float64\\[1024\\] SUM, we are at #3 ALL_GATHER"
                                + " float32\\[8\\])")
                .contains("All ranks must call the same operations in the same order");
    }

    @Test
    void differentCountsTypesReductionsAndRootsAreDesync() throws Exception {
        for (int variant = 0; variant < 4; variant++) {
            int chosen = variant;
            CollectiveException failure = sameFailure(processes.startAll("desync", 10 + variant, 2, communicator -> {
                int rank = communicator.membership().rank();
                switch (chosen) {
                    case 0 -> reduce(communicator, 10 + rank);
                    case 1 ->
                        communicator.broadcast(rank == 0 ? Elements.of(new int[4]) : Elements.of(new float[4]), 0);
                    case 2 -> {
                        Elements one = Elements.of(new int[1]);
                        communicator.allReduce(one, one, rank == 0 ? ReduceOp.MIN : ReduceOp.MAX);
                    }
                    default -> communicator.broadcast(Elements.of(new int[4]), rank);
                }
                return 0;
            }));
            assertThat(failure.code()).isEqualTo(Code.DESYNC);
        }
    }

    @Test
    void aRankThatLeavesEarlyIsNamed() throws Exception {
        List<CompletableFuture<Integer>> ranks = processes.startAll("leaves", 1, 3, communicator -> {
            communicator.barrier();
            if (communicator.membership().rank() > 0) {
                reduce(communicator, 5);
            }
            return 0;
        });
        CollectiveException failure = sameFailure(ranks.subList(1, 3));
        assertThat(failure.code()).isEqualTo(Code.DESYNC);
        assertThat(failure.getMessage())
                .containsPattern(
                        "rank 0 \\(127\\.0\\.0\\.1:\\d+\\) left after #2 BARRIER, we are at #3 ALL_REDUCE float64\\[5\\] SUM");
    }

    @Test
    void aSilentRankFailsAllAtTheDeadlineAndItselfWhenItWakes() throws Exception {
        CountDownLatch over = new CountDownLatch(2);
        long startNanos = System.nanoTime();
        List<CompletableFuture<Integer>> ranks = processes.startAll("silent", 1, 3, communicator -> {
            if (communicator.membership().rank() == 1) {
                assertThat(over.await(60, TimeUnit.SECONDS)).isTrue();
            }
            try {
                reduce(communicator, 5_000);
            } finally {
                over.countDown();
            }
            return 0;
        });
        CollectiveException failure = sameFailure(ranks);
        assertThat(failure.code()).isEqualTo(Code.TIMED_OUT);
        assertThat(failure.getMessage())
                .containsPattern(
                        "rank 1 \\(127\\.0\\.0\\.1:\\d+\\) did not come to #2 ALL_REDUCE float64\\[5000\\] SUM within 3\\.0 s:"
                                + " it is at #1 JOIN phase=1, awaited phase=2; found by rank [02]")
                .contains("Check that its task runs");
        assertThat(System.nanoTime() - startNanos).isGreaterThanOrEqualTo(TIMEOUT.toNanos());
    }

    @Test
    void anAbortEndsTheWaitsOfAllAtOnce() throws Exception {
        List<CompletableFuture<Integer>> ranks = processes.startAll("abort", 1, 3, communicator -> {
            if (communicator.membership().rank() == 2) {
                communicator.abort("task 2 failed: division by zero");
            }
            communicator.barrier();
            return 0;
        });
        CollectiveException failure = sameFailure(ranks);
        assertThat(failure.code()).isEqualTo(Code.ABORTED);
        assertThat(failure).hasMessage("communicator=abort epoch=1: rank 2 gave up: task 2 failed: division by zero");
    }

    @Test
    void anInterruptFailsAllAndIsKept() throws Exception {
        CompletableFuture<Boolean> kept = new CompletableFuture<>();
        List<CompletableFuture<Integer>> ranks = processes.startAll("interrupt", 1, 2, communicator -> {
            if (communicator.membership().rank() == 1) {
                Thread.currentThread().interrupt();
                try {
                    communicator.barrier();
                    communicator.barrier();
                } finally {
                    kept.complete(Thread.interrupted());
                }
            } else {
                communicator.barrier();
                assertThat(kept.get(60, TimeUnit.SECONDS)).isTrue();
                communicator.barrier();
            }
            return 0;
        });
        // Rank 1 may find its peer there already in the first barrier; it cannot in the second.
        CollectiveException failure = sameFailure(ranks);
        assertThat(failure.code()).isEqualTo(Code.INTERRUPTED);
        assertThat(failure.getMessage()).contains("was interrupted in #").contains("BARRIER");
    }

    @Test
    void aBrokenCommunicatorStaysBrokenAndAClosedOneSaysSo() throws Exception {
        Communicator alone = processes.join(new Membership("alone", 1, 0, 1));
        alone.barrier();
        alone.abort("enough");
        alone.abort("more than enough");
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(alone::barrier).hasMessage("communicator=alone epoch=1: rank 0 gave up: enough");
        }
        alone.close();
        alone.close();
        alone.abort("late");
        assertThatThrownBy(alone::barrier)
                .isInstanceOfSatisfying(
                        CollectiveException.class, e -> assertThat(e.code()).isEqualTo(Code.CLOSED));
    }

    @Test
    void closingBreaksTheOperationOfAnotherThread() throws Exception {
        CompletableFuture<Communicator> waiting = new CompletableFuture<>();
        CountDownLatch closed = new CountDownLatch(1);
        List<CompletableFuture<Integer>> ranks = processes.startAll("closing", 1, 2, communicator -> {
            if (communicator.membership().rank() == 1) {
                assertThat(closed.await(60, TimeUnit.SECONDS)).isTrue();
            } else {
                waiting.complete(communicator);
            }
            communicator.barrier();
            return 0;
        });
        Communicator first = waiting.get(60, TimeUnit.SECONDS);
        Thread.sleep(50);
        first.close();
        closed.countDown();
        assertThat(RankProcesses.failure(ranks.get(0))).isInstanceOf(CollectiveException.class);
        assertThat(RankProcesses.failure(ranks.get(1))).isInstanceOf(CollectiveException.class);
    }
}
