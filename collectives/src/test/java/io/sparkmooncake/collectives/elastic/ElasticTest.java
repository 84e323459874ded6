// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.collectives.testing.RankProcesses;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Those that are left agree on who they are, and go on; or all fail alike. */
final class ElasticTest {
    private static final int SIZE = 3;
    private static final ElasticRendezvous.Options SHRINK =
            new ElasticRendezvous.Options(OnRankLoss.SHRINK, 1, Duration.ofSeconds(3));
    private static RankProcesses processes;

    /** What one rank does with its communicator, which is closed after it. */
    @FunctionalInterface
    private interface Task<T> {
        T run(ElasticCommunicator communicator, int rank) throws Exception;
    }

    @BeforeAll
    static void start() throws Exception {
        processes = new RankProcesses(3, new Rendezvous.Options(Duration.ofSeconds(2), 1_024), Map.of());
    }

    @AfterAll
    static void stop() {
        // The group's last rank has swept: what is left are the peers themselves.
        Awaitility.await()
                .atMost(Duration.ofMinutes(2))
                .untilAsserted(
                        () -> assertThat(processes.host().figures().keys()).isEqualTo(3));
        processes.close();
    }

    private static <T> List<CompletableFuture<T>> startAll(
            String name, ElasticRendezvous.Options options, Task<T> task) {
        List<CompletableFuture<T>> ranks = new ArrayList<>();
        for (int i = 0; i < SIZE; i++) {
            int rank = i;
            CompletableFuture<T> done = new CompletableFuture<>();
            Thread thread = new Thread(
                    () -> {
                        try (ElasticCommunicator communicator =
                                processes.elastic(rank, options).join(new Membership(name, 1, rank, SIZE))) {
                            done.complete(task.run(communicator, rank));
                        } catch (Throwable e) {
                            done.completeExceptionally(e);
                        }
                    },
                    "elastic-" + rank);
            thread.setDaemon(true);
            thread.start();
            ranks.add(done);
        }
        return ranks;
    }

    private static <T> T result(CompletableFuture<T> rank) throws Exception {
        return rank.get(120, TimeUnit.SECONDS);
    }

    private static <T> List<T> runAll(String name, ElasticRendezvous.Options options, Task<T> task) throws Exception {
        List<T> results = new ArrayList<>();
        for (CompletableFuture<T> rank : startAll(name, options, task)) {
            results.add(result(rank));
        }
        return results;
    }

    private static CollectiveException sameFailure(List<? extends CompletableFuture<?>> ranks) throws Exception {
        List<Throwable> failures = new ArrayList<>();
        for (CompletableFuture<?> rank : ranks) {
            failures.add(RankProcesses.failure(rank));
        }
        assertThat(failures)
                .allSatisfy(failure -> assertThat(failure).isInstanceOf(CollectiveException.class))
                .extracting(Throwable::getMessage)
                .containsOnly(failures.get(0).getMessage());
        return (CollectiveException) failures.get(0);
    }

    private static double sum(ElasticCommunicator communicator, int rank, List<ActiveRanks> seen) throws Exception {
        double[] one = {1 << rank};
        Elements elements = Elements.of(one);
        seen.add(communicator.allReduce(elements, elements, ReduceOp.SUM));
        return one[0];
    }

    @Test
    void aWholeGroupGivesWhatAPlainOneGives() throws Exception {
        List<String> results = runAll("whole", SHRINK, (c, rank) -> {
            Blocks blocks = Blocks.of(1, 2, 3);
            int[] all = new int[6];
            int[] own = new int[rank + 1];
            Arrays.fill(own, rank + 10);
            ActiveRanks active = c.allGather(Elements.of(own), Elements.of(all), blocks);
            assertThat(active).isEqualTo(new ActiveRanks(0, List.of(0, 1, 2)));
            int[] block = new int[rank + 1];
            c.reduceScatter(Elements.of(all), blocks, Elements.of(block), ReduceOp.SUM);
            int[] scattered = new int[rank + 1];
            c.scatter(rank == 1 ? Elements.of(all) : null, blocks, Elements.of(scattered), 1);
            int[] reduced = {0};
            c.reduce(Elements.of(new int[] {rank}), rank == 2 ? Elements.of(reduced) : null, ReduceOp.MAX, 2);
            c.broadcast(Elements.of(reduced), 2);
            int[] crossed = new int[SIZE];
            Blocks ones = Blocks.even(SIZE, 1);
            c.allToAll(Elements.of(new int[] {rank, rank + 3, rank + 6}), ones, Elements.of(crossed), ones);
            c.barrier();
            assertThat(c.allReduceObject("r" + rank, String::concat).value()).isEqualTo("r0r1r2");
            assertThat(c.broadcastObject(rank == 0 ? "hello" : null, 0).value()).isEqualTo("hello");
            return Arrays.toString(all)
                    + Arrays.toString(block)
                    + Arrays.toString(scattered)
                    + reduced[0]
                    + Arrays.toString(crossed);
        });
        String all = "[10, 11, 11, 12, 12, 12]";
        assertThat(results)
                .containsExactly(
                        all + "[30][10]2[0, 1, 2]",
                        all + "[33, 33][11, 11]2[3, 4, 5]",
                        all + "[36, 36, 36][12, 12, 12]2[6, 7, 8]");
    }

    @Test
    void theOthersGoOnWithoutARankThatLeft() throws Exception {
        runAll("left", SHRINK, (c, rank) -> {
            List<ActiveRanks> seen = new ArrayList<>();
            assertThat(sum(c, rank, seen)).isEqualTo(7);
            if (rank != 1) {
                assertThat(sum(c, rank, seen)).isEqualTo(5);
                assertThat(sum(c, rank, seen)).isEqualTo(5);
                assertThat(seen.subList(1, 3)).containsOnly(new ActiveRanks(1, List.of(0, 2)));
            }
            return 0;
        });
    }

    @Test
    void blocksOfRanksThatAreNotActiveAreLeftAloneAndTheyAreNoRoots() throws Exception {
        runAll("blocks", SHRINK, (c, rank) -> {
            c.barrier();
            if (rank == 1) {
                return 0;
            }
            int[] all = {-1, -1, -1, -1, -1, -1};
            Blocks blocks = Blocks.of(1, 2, 3);
            int[] own = new int[rank + 1];
            Arrays.fill(own, rank);
            assertThat(c.allGather(Elements.of(own), Elements.of(all), blocks).ranks())
                    .containsExactly(0, 2);
            assertThat(all).containsExactly(0, -1, -1, 2, 2, 2);
            int[] crossed = {-1, -1, -1};
            Blocks ones = Blocks.even(SIZE, 1);
            c.allToAll(Elements.of(new int[] {rank, rank + 3, rank + 6}), ones, Elements.of(crossed), ones);
            assertThat(crossed).containsExactly(rank * 3, -1, rank * 3 + 2);
            int[] block = new int[rank + 1];
            c.reduceScatter(Elements.of(all), blocks, Elements.of(block), ReduceOp.SUM);
            assertThat(block[0]).isEqualTo(rank * 2);
            assertThat(c.allGatherObjects("r" + rank).value()).isEqualTo(Map.of(0, "r0", 2, "r2"));
            for (int again = 0; again < 2; again++) {
                try {
                    c.broadcast(Elements.of(all), 1);
                    throw new AssertionError("an inactive root was taken");
                } catch (CollectiveException e) {
                    assertThat(e.code()).isEqualTo(Code.RANK_LOST);
                    assertThat(e)
                            .hasMessage("communicator=blocks epoch=1: root=1 is not active, active ranks are [0, 2] of"
                                    + " generation 1. All active ranks must choose a root among them");
                }
            }
            c.broadcast(Elements.of(all), 2);
            return 0;
        });
    }

    @Test
    void aSilentRankIsExcludedAndTakenInAgainWhenItAsks() throws Exception {
        CountDownLatch went = new CountDownLatch(2);
        runAll("silent", SHRINK, (c, rank) -> {
            List<ActiveRanks> seen = new ArrayList<>();
            assertThat(sum(c, rank, seen)).isEqualTo(7);
            if (rank == 1) {
                assertThat(went.await(60, TimeUnit.SECONDS)).isTrue();
                return comeBack(c);
            }
            assertThat(sum(c, rank, seen)).isEqualTo(5);
            assertThat(seen.get(1)).isEqualTo(new ActiveRanks(1, List.of(0, 2)));
            went.countDown();
            int tries = 0;
            while (c.readmit().size() < SIZE && tries++ < 600) {
                Thread.sleep(50);
            }
            assertThat(c.active()).isEqualTo(new ActiveRanks(2, List.of(0, 1, 2)));
            assertThat(c.broadcastObject(rank == 0 ? "state" : null, 0).value()).isEqualTo("state");
            assertThat(sum(c, rank, seen)).isEqualTo(7);
            return 0;
        });
    }

    private static int comeBack(ElasticCommunicator excluded) throws Exception {
        for (int again = 0; again < 2; again++) {
            try {
                excluded.barrier();
                throw new AssertionError("an excluded rank went on");
            } catch (CollectiveException e) {
                assertThat(e.code()).isEqualTo(Code.EXCLUDED);
                assertThat(e.getMessage())
                        .containsPattern(
                                "communicator=silent epoch=1: rank 1 \\(127\\.0\\.0\\.1:\\d+\\) is not active any"
                                        + " more: the others went on as \\[0, 2\\] of generation 1 without rank 1 ")
                        .contains("did not come to #")
                        .contains("rejoin while the active ranks call readmit()");
            }
        }
        excluded.close();
        try (ElasticCommunicator back =
                processes.elastic(1, SHRINK).rejoin(excluded.membership(), Duration.ofSeconds(60))) {
            assertThat(back.active().ranks()).containsExactly(0, 1, 2);
            assertThat(back.<String>broadcastObject(null, 0).value()).isEqualTo("state");
            assertThat(sum(back, 1, new ArrayList<>())).isEqualTo(7);
        }
        return 0;
    }

    @Test
    void whoAsksAndIsNotTakenInIsToldWhy() throws Exception {
        CollectiveException failure = null;
        try {
            processes.elastic(1, SHRINK).rejoin(new Membership("nobody", 1, 1, SIZE), Duration.ofMillis(300));
        } catch (CollectiveException e) {
            failure = e;
        }
        assertThat(failure).isNotNull();
        assertThat(failure.code()).isEqualTo(Code.TIMED_OUT);
        assertThat(failure.getMessage()).contains("was not within 300 ms, no such group is known");
    }

    @Test
    void differentOperationsFailAllAlike() throws Exception {
        CollectiveException failure = sameFailure(startAll("differ", SHRINK, (c, rank) -> {
            c.barrier();
            return rank == 2
                    ? c.allGather(Elements.of(new int[1]), Elements.of(new int[SIZE]))
                    : c.allReduce(Elements.of(new int[2]), Elements.of(new int[2]), ReduceOp.SUM);
        }));
        assertThat(failure.code()).isEqualTo(Code.DESYNC);
        assertThat(failure.getMessage()).contains("All ranks must call the same operations in the same order");
    }

    @Test
    void anAbortFailsAllAlike() throws Exception {
        CollectiveException failure = sameFailure(startAll("abort", SHRINK, (c, rank) -> {
            if (rank == 2) {
                c.abort("division by zero");
            }
            return c.barrier();
        }));
        assertThat(failure.code()).isEqualTo(Code.ABORTED);
        assertThat(failure.getMessage())
                .matches("communicator=abort epoch=1: rank 2 \\(127\\.0\\.0\\.1:\\d+\\) gave up: division by zero");
    }

    @Test
    void tooFewRanksFailAlike() throws Exception {
        ElasticRendezvous.Options two = new ElasticRendezvous.Options(OnRankLoss.SHRINK, 3, Duration.ofSeconds(3));
        List<CompletableFuture<ActiveRanks>> ranks =
                startAll("few", two, (c, rank) -> rank == 0 ? c.active() : c.barrier());
        CollectiveException failure = sameFailure(ranks.subList(1, 3));
        assertThat(failure.code()).isEqualTo(Code.RANK_LOST);
        assertThat(failure.getMessage()).contains("2 ranks are left active=[1, 2], leastActive=3, without rank 0 ");
    }

    @Test
    void withoutShrinkingALossFailsAllAlike() throws Exception {
        ElasticRendezvous.Options fail = new ElasticRendezvous.Options(OnRankLoss.FAIL, 1, Duration.ofSeconds(3));
        List<CompletableFuture<ActiveRanks>> ranks =
                startAll("fail", fail, (c, rank) -> rank == 0 ? c.active() : c.barrier());
        assertThat(sameFailure(ranks.subList(1, 3)).code()).isEqualTo(Code.DESYNC);
    }

    @Test
    void anInterruptedRankIsLeftBehindAtOnce() throws Exception {
        runAll("interrupt", SHRINK, (c, rank) -> {
            c.barrier();
            if (rank == 2) {
                Thread.currentThread().interrupt();
                CollectiveException failure = null;
                try {
                    while (true) {
                        c.barrier();
                    }
                } catch (CollectiveException e) {
                    failure = e;
                }
                assertThat(failure.code()).isEqualTo(Code.INTERRUPTED);
                assertThat(Thread.interrupted()).isTrue();
                return 0;
            }
            ActiveRanks active = c.barrier();
            while (active.size() == SIZE) {
                active = c.barrier();
            }
            assertThat(active.ranks()).containsExactly(0, 1);
            return 0;
        });
    }
}
