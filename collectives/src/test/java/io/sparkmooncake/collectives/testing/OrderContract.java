// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** What every fabric gives about the order of calls: the same error where ranks differ, and asynchronous calls in their order. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class OrderContract {
    private static final String CALL = "#2 [A-Z_]+( [a-z0-9]+(\\[\\d+])?)?( [A-Z]+)?( blocks#[0-9a-f]{8})?( root=\\d)?";

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

    /** Checks that all ranks failed alike and returns the failure. */
    static CollectiveException sameFailure(List<? extends CompletableFuture<?>> ranks) throws Exception {
        List<CollectiveException> failures = new ArrayList<>();
        for (CompletableFuture<?> rank : ranks) {
            Throwable failure = RankProcesses.failure(rank);
            assertThat(failure).isInstanceOf(CollectiveException.class);
            failures.add((CollectiveException) failure);
        }
        CollectiveException first = failures.get(0);
        assertThat(failures).extracting(CollectiveException::code).containsOnly(first.code());
        assertThat(failures).extracting(Throwable::getMessage).containsOnly(first.getMessage());
        return first;
    }

    /** One call that a rank makes as the others do, or otherwise. */
    @FunctionalInterface
    private interface Variant {
        void call(Communicator communicator, boolean differs) throws Exception;
    }

    private static Elements ints(long count) {
        return Elements.of(new int[(int) count]);
    }

    private static List<Variant> variants() {
        Blocks blocks = Blocks.of(1, 2, 3);
        Blocks others = Blocks.of(1, 3, 2);
        return List.of(
                (c, differs) -> {
                    if (differs) {
                        c.barrier();
                    } else {
                        c.allReduce(ints(4), ints(4), ReduceOp.SUM);
                    }
                },
                (c, differs) -> c.allReduce(ints(differs ? 5 : 4), ints(differs ? 5 : 4), ReduceOp.SUM),
                (c, differs) -> c.allReduce(ints(4_000), ints(4_000), differs ? ReduceOp.MIN : ReduceOp.MAX),
                (c, differs) -> c.broadcast(differs ? Elements.of(new float[4]) : ints(4), 0),
                (c, differs) -> c.broadcast(ints(4), differs ? 1 : 0),
                (c, differs) -> c.reduce(ints(4), ints(4), ReduceOp.SUM, differs ? 1 : 0),
                (c, differs) -> c.allGather(ints(differs ? 5 : 4), ints(differs ? 15 : 12)),
                (c, differs) -> {
                    Blocks own = differs ? others : blocks;
                    c.allGather(ints(own.count(c.membership().rank())), ints(6), own);
                },
                (c, differs) -> {
                    Blocks own = differs ? others : blocks;
                    c.reduceScatter(ints(6), own, ints(own.count(c.membership().rank())), ReduceOp.SUM);
                },
                (c, differs) -> c.gather(ints(2), ints(6), differs ? 2 : 0),
                (c, differs) -> c.scatter(ints(6), ints(2), differs ? 2 : 0),
                (c, differs) -> c.scatter(
                        ints(6),
                        differs ? others : blocks,
                        ints((differs ? others : blocks).count(c.membership().rank())),
                        0),
                (c, differs) -> c.allToAll(
                        differs ? Elements.of(new float[6]) : ints(6), differs ? Elements.of(new float[6]) : ints(6)),
                (c, differs) -> c.allToAll(ints(differs ? 9 : 6), ints(differs ? 9 : 6)));
    }

    @Test
    void oneRankThatCallsOtherwiseGivesEveryRankTheSameText() throws Exception {
        int number = 0;
        for (Variant variant : variants()) {
            for (int who = 0; who < 3; who++) {
                int odd = who;
                CollectiveException failure = sameFailure(processes.startAll("differs", number++, 3, communicator -> {
                    variant.call(communicator, communicator.membership().rank() == odd);
                    // Whoever was through before the others differed fails here.
                    communicator.barrier();
                    communicator.barrier();
                    return 0;
                }));
                assertThat(failure.code()).as("variant=%s", number).isEqualTo(Code.DESYNC);
                assertThat(failure.getMessage())
                        .as("variant=%s", number)
                        .matches("communicator=differs epoch=\\d+: rank \\d \\(127\\.0\\.0\\.1:\\d+\\) is at " + CALL
                                + "( and sends rank \\d int32\\[\\d])?, we are at " + CALL
                                + "( and await int32\\[\\d])?; found by rank \\d \\(.*\\)\\. .*");
            }
        }
    }

    @Test
    void asynchronousCallsRunInOrderAndBeforeWhatIsCalledLater() throws Exception {
        int calls = 50;
        List<Integer> sums = processes.runAll("async", 1, 3, communicator -> {
            int[] value = {1};
            Elements elements = Elements.of(value);
            List<CompletableFuture<Void>> futures = new ArrayList<>();
            List<Integer> order = new ArrayList<>();
            for (int i = 0; i < calls; i++) {
                int number = i;
                futures.add(communicator.async(c -> {
                    c.allReduce(elements, elements, number % 2 == 0 ? ReduceOp.SUM : ReduceOp.MIN);
                    c.broadcast(elements, number % 3);
                    order.add(number);
                    if (value[0] > 1_000_000) {
                        value[0] = 1;
                    }
                }));
            }
            // Not awaited: the barrier comes after all of them by itself.
            communicator.barrier();
            assertThat(order).hasSize(calls).isSorted();
            assertThat(futures).allMatch(CompletableFuture::isDone);
            return value[0];
        });
        assertThat(sums).containsOnly(sums.get(0));
    }

    @Test
    void anAsynchronousFailureIsTheFuturesAndThatOfLaterCalls() throws Exception {
        List<CompletableFuture<Integer>> ranks = processes.startAll("async-fails", 1, 2, communicator -> {
            CompletableFuture<Void> refused = communicator.async(c -> c.allReduce(ints(2), ints(3), ReduceOp.SUM));
            assertThatThrownBy(() -> refused.get(60, TimeUnit.SECONDS))
                    .hasCauseInstanceOf(IllegalArgumentException.class);
            int count = 2 + communicator.membership().rank();
            CompletableFuture<Void> differs =
                    communicator.async(c -> c.allReduce(ints(count), ints(count), ReduceOp.SUM));
            AtomicReference<Throwable> cause = new AtomicReference<>();
            assertThatThrownBy(() -> differs.get(60, TimeUnit.SECONDS))
                    .satisfies(failure -> cause.set(failure.getCause()));
            assertThat(cause.get()).isInstanceOf(CollectiveException.class);
            assertThatThrownBy(communicator::barrier).hasMessage(cause.get().getMessage());
            communicator.barrier();
            return 0;
        });
        assertThat(sameFailure(ranks).code()).isEqualTo(Code.DESYNC);
    }

    @Test
    void asynchronousWorkThatDidNotBeginFailsWhenItIsClosed() throws Exception {
        List<Boolean> closed = processes.runAll("async-closed", 1, 1, communicator -> {
            CountDownLatch running = new CountDownLatch(1);
            CountDownLatch dropped = new CountDownLatch(1);
            CompletableFuture<Void> first = communicator.async(c -> {
                running.countDown();
                assertThat(dropped.await(60, TimeUnit.SECONDS)).isTrue();
            });
            CompletableFuture<Void> second = communicator.async(Communicator::barrier);
            assertThat(running.await(60, TimeUnit.SECONDS)).isTrue();
            var unused = second.whenComplete((done, failure) -> dropped.countDown());
            communicator.close();
            first.get(60, TimeUnit.SECONDS);
            assertThatThrownBy(() -> second.get(60, TimeUnit.SECONDS))
                    .hasMessageContaining("was closed by this process");
            assertThatThrownBy(() -> communicator.async(Communicator::barrier))
                    .hasMessageContaining("was closed by this process");
            return true;
        });
        assertThat(closed).containsExactly(true);
    }

    @Test
    void anInterruptWhileAsynchronousCallsArePendingFailsAllAndIsKept() throws Exception {
        CountDownLatch over = new CountDownLatch(1);
        List<CompletableFuture<Integer>> ranks = processes.startAll("async-interrupt", 1, 2, communicator -> {
            if (communicator.membership().rank() == 1) {
                assertThat(over.await(60, TimeUnit.SECONDS)).isTrue();
            } else {
                var unused = communicator.async(Communicator::barrier);
                Thread.currentThread().interrupt();
            }
            try {
                communicator.barrier();
                // Rank 0 was in the barrier, so rank 1 may be through before it is told; it is told in its next call.
                assertThat(communicator.membership().rank()).isEqualTo(1);
                communicator.barrier();
            } finally {
                assertThat(Thread.interrupted())
                        .isEqualTo(communicator.membership().rank() == 0);
                over.countDown();
            }
            return 0;
        });
        CollectiveException failure = sameFailure(ranks);
        assertThat(failure.code()).isEqualTo(Code.ABORTED);
        assertThat(failure.getMessage())
                .contains("rank 0 was interrupted while it waited for its asynchronous operations");
    }

    @Test
    void aSecondThreadMeanwhileIsRefused() throws Exception {
        CountDownLatch refused = new CountDownLatch(1);
        CompletableFuture<Communicator> first = new CompletableFuture<>();
        List<CompletableFuture<Integer>> ranks = processes.startAll("threads", 1, 2, communicator -> {
            if (communicator.membership().rank() == 0) {
                first.complete(communicator);
            } else {
                assertThat(refused.await(60, TimeUnit.SECONDS)).isTrue();
            }
            communicator.barrier();
            return 0;
        });
        Communicator busy = first.get(60, TimeUnit.SECONDS);
        Awaitility.await()
                .atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThatThrownBy(() -> busy.async(c -> {}))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("has an operation under way in another thread"));
        refused.countDown();
        for (CompletableFuture<Integer> rank : ranks) {
            assertThat(rank.get(60, TimeUnit.SECONDS)).isZero();
        }
    }
}
