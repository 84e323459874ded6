// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.testing.RankProcesses;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

final class RendezvousTest {
    private static final Rendezvous.Options OPTIONS = new Rendezvous.Options(Duration.ofSeconds(30), 1_024);

    private static RankProcesses processes(String connectTimeout) throws Exception {
        return new RankProcesses(2, OPTIONS, Map.of("spark.mooncake.connect.timeout", connectTimeout));
    }

    private static CollectiveException failure(CompletableFuture<?> rank) throws Exception {
        Throwable failure = RankProcesses.failure(rank);
        assertThat(failure).isInstanceOf(CollectiveException.class);
        return (CollectiveException) failure;
    }

    private static int barrier(Communicator communicator) throws Exception {
        communicator.barrier();
        return communicator.membership().rank();
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void ranksThatNeverComeAreRowsOfATable() throws Exception {
        try (RankProcesses processes = processes("5s")) {
            CompletableFuture<Integer> first = processes.start(new Membership("absent", 5, 0, 4), c -> 0);
            CompletableFuture<Integer> third = processes.start(new Membership("absent", 5, 2, 4), c -> 0);
            for (CompletableFuture<Integer> rank : List.of(first, third)) {
                CollectiveException failure = failure(rank);
                // The one whose deadline is first gives up; the other one hears of it or comes to its own.
                if (failure.code() == Code.TIMED_OUT) {
                    assertThat(failure.getMessage())
                            .contains("2 of 4 ranks not joined after 5.0 s (spark.mooncake.connect.timeout=5.0 s)\n"
                                    + "rank | address | state | last error | check first\n"
                                    + "1 | address unknown | WAITING_STORE for 5.0 s: waiting for its record | no record in"
                                    + " the store, look-ups=")
                            .contains("\n3 | address unknown")
                            .contains(
                                    "that the task of partition 3 runs: a barrier stage needs a slot for each of its tasks");
                } else {
                    assertThat(failure.getMessage()).contains("gave up joining");
                }
            }
            assertThat(List.of(failure(first).code(), failure(third).code())).contains(Code.TIMED_OUT);
            awaitOnlyPeers(processes, 2);
        }
    }

    private static void awaitOnlyPeers(RankProcesses processes, int peers) {
        Awaitility.await()
                .atMost(Duration.ofMinutes(2))
                .untilAsserted(
                        () -> assertThat(processes.host().figures().keys()).isEqualTo(peers));
    }

    @Test
    void aStoreThatIsSilentForAWhileIsAskedAgain() throws Exception {
        try (RankProcesses processes = processes("60s")) {
            processes.cutStore();
            List<CompletableFuture<Integer>> ranks = processes.startAll("silent", 1, 2, RendezvousTest::barrier);
            Thread.sleep(300);
            assertThat(ranks).noneMatch(CompletableFuture::isDone);
            processes.mendStore();
            assertThat(ranks.get(0).get(60, TimeUnit.SECONDS)).isZero();
            assertThat(ranks.get(1).get(60, TimeUnit.SECONDS)).isEqualTo(1);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aStoreThatStaysSilentFailsTheJoinAtTheDeadline() throws Exception {
        try (RankProcesses processes = processes("5s")) {
            processes.cutStore();
            CollectiveException failure = failure(processes.start(new Membership("silent", 1, 0, 2), c -> 0));
            assertThat(failure.code()).isEqualTo(Code.UNREACHABLE);
            assertThat(failure.getMessage())
                    .startsWith("communicator=silent epoch=1 rank=0: the store cannot be asked for")
                    .contains("driver is silent");
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aRankOfAnEarlierEpochIsNoRankOfThisOne() throws Exception {
        try (RankProcesses processes = processes("5s")) {
            CompletableFuture<Integer> late = processes.start(new Membership("epochs", 1, 1, 2), c -> 0);
            CompletableFuture<Integer> early = processes.start(new Membership("epochs", 2, 0, 2), c -> 0);
            assertThat(failure(early).code()).isEqualTo(Code.TIMED_OUT);
            assertThat(failure(late).code()).isEqualTo(Code.TIMED_OUT);
            assertThat(processes.runAll("epochs", 3, 2, RendezvousTest::barrier))
                    .containsExactly(0, 1);
        }
    }

    @Test
    void aRankWhoseProcessIsLostFailsTheOthersAtOnce() throws Exception {
        try (RankProcesses processes = processes("60s")) {
            CompletableFuture<Integer> first = processes.start(new Membership("lost", 1, 0, 3), c -> 0);
            CompletableFuture<Integer> second = processes.start(new Membership("lost", 1, 1, 3), c -> 0);
            Awaitility.await()
                    .atMost(Duration.ofMinutes(2))
                    .until(() -> processes.host().figures().keys() == 4);
            // Both have their records there; what rank 0 has seen of them it sees again within its next looks.
            processes.host().ownerLost("exec-1", "heartbeat timed out");
            assertThat(failure(first).code()).isEqualTo(Code.RANK_LOST);
            assertThat(failure(first).getMessage())
                    .isEqualTo(
                            "communicator=lost epoch=1: rank 1 was lost while ranks were joining: heartbeat timed out");
            assertThat(failure(second).code()).isIn(Code.RANK_LOST, Code.ABORTED);
        }
    }

    @Test
    void aProcessThatIsLostLaterEndsTheWaitsOfTheOthers() throws Exception {
        try (RankProcesses processes = processes("60s")) {
            CountDownLatch joined = new CountDownLatch(2);
            CountDownLatch over = new CountDownLatch(1);
            List<CompletableFuture<Integer>> ranks = processes.startAll("later", 1, 2, communicator -> {
                joined.countDown();
                if (communicator.membership().rank() == 1) {
                    assertThat(over.await(60, TimeUnit.SECONDS)).isTrue();
                }
                return barrier(communicator);
            });
            assertThat(joined.await(60, TimeUnit.SECONDS)).isTrue();
            processes.host().ownerLost("exec-1", "container killed");
            CollectiveException failure = failure(ranks.get(0));
            over.countDown();
            assertThat(failure.code()).isEqualTo(Code.RANK_LOST);
            assertThat(failure.getMessage()).contains("rank 1 (127.0.0.1:").contains("container killed");
            assertThat(failure(ranks.get(1))).hasMessage(failure.getMessage());
        }
    }

    @Test
    void ranksThatExpectAnotherSizeAreRefusedNamingBoth() throws Exception {
        try (RankProcesses processes = processes("60s")) {
            CompletableFuture<Integer> two = processes.start(new Membership("sizes", 1, 0, 2), c -> 0);
            CompletableFuture<Integer> three = processes.start(new Membership("sizes", 1, 1, 3), c -> 0);
            List<CollectiveException> failures = new ArrayList<>(List.of(failure(two), failure(three)));
            assertThat(failures).extracting(CollectiveException::code).contains(Code.REFUSED);
            assertThat(failures)
                    .anySatisfy(e ->
                            assertThat(e.getMessage()).contains("joins size=2").contains("joins size=3"));
        }
    }

    @Test
    void aRankThatIsThereTwiceIsRefused() throws Exception {
        try (RankProcesses processes = processes("60s")) {
            // Ranks 0 and 2 share a process; the test gives its two threads one rank.
            CompletableFuture<Integer> one = processes.start(new Membership("twice", 1, 0, 2), c -> 0);
            CompletableFuture<Integer> other = processes.start(new Membership("twice", 1, 0, 2), c -> 0);
            assertThat(List.of(failure(one).code(), failure(other).code())).contains(Code.REFUSED);
        }
    }

    @Test
    void storeCallsGrowWithTheNumberOfRanks() throws Exception {
        int size = 24;
        try (RankProcesses processes =
                new RankProcesses(3, new Rendezvous.Options(Duration.ofSeconds(60), 2_048), Map.of())) {
            long before = processes.host().figures().requests();
            assertThat(processes.runAll("many", 1, size, RendezvousTest::barrier))
                    .hasSize(size);
            awaitOnlyPeers(processes, 3);
            // Two claims and a delete for each rank, and the look-ups of three processes.
            assertThat(processes.host().figures().requests() - before).isBetween(3L * size, 3L * size + 200);
        }
    }

    @Test
    void communicatorsOfOneNameFollowEachOtherAndLeaveNothing() throws Exception {
        try (RankProcesses processes = processes("60s")) {
            for (int epoch = 1; epoch <= 5; epoch++) {
                assertThat(processes.runAll("again", epoch, 4, RendezvousTest::barrier))
                        .containsExactly(0, 1, 2, 3);
            }
            awaitOnlyPeers(processes, 2);
        }
    }

    @Test
    void refusesNamesRanksAndWindowsThatCannotBe() throws Exception {
        assertThatThrownBy(() -> new Membership("a/b", 1, 0, 1)).hasMessageContaining("communicator=a/b is no name");
        assertThatThrownBy(() -> new Membership("a", 1, 2, 2)).hasMessage("rank=2 is none of size=2");
        assertThatThrownBy(() -> new Rendezvous.Options(Duration.ofSeconds(1), 100))
                .hasMessageContaining("windowBytes=100");
        try (RankProcesses processes = processes("60s")) {
            assertThatThrownBy(() -> processes.join(new Membership("wide", 1, 0, 17)))
                    .hasMessage("windowBytes=1024 is too small for size=17 ranks: make it at least 1088");
        }
    }
}
