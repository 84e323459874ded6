// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.sparkmooncake.shuffle.read.TestExecutor.Entry;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.apache.spark.TaskContext$;
import org.apache.spark.executor.TempShuffleReadMetrics;
import org.apache.spark.shuffle.FetchFailedException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tasks that have less memory to receive blocks than they want. */
final class ScratchShortageTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final int SHUFFLE = 8;
    private static final int SMALL = 100_000;
    private static final int LARGE = 1_500_000;
    private static final List<TestExecutor> EXECUTORS = new ArrayList<>();

    private final ReadCounters counters = new ReadCounters();
    private final Leases leases = new Leases(MINUTE, System::nanoTime, Runnable::run);
    private final ExecutorService tasks = Executors.newCachedThreadPool();

    @BeforeAll
    static void start() throws IOException {
        EXECUTORS.add(new TestExecutor("short-reader", "tcp"));
        EXECUTORS.add(new TestExecutor("short-owner-1", "tcp"));
        EXECUTORS.add(new TestExecutor("short-owner-2", "tcp"));
    }

    @AfterAll
    static void stop() {
        EXECUTORS.forEach(TestExecutor::close);
    }

    @AfterEach
    void nothingIsHeld() {
        tasks.shutdownNow();
        assertThat(leases.held()).isZero();
        EXECUTORS.forEach(executor -> executor.store().removeShuffle(SHUFFLE));
    }

    private static RegionPool scratch(long bytes) {
        return RegionPool.privateMemory(new RegionPool.Limits(bytes, 64 << 10, MINUTE));
    }

    private Lookups lookups() {
        return lookups(peer -> peer);
    }

    private Lookups lookups(UnaryOperator<Peer> change) {
        return EXECUTORS.get(0).lookups(EXECUTORS, leases, change);
    }

    private Fetch fetch(Lookups lookups, RegionPool scratch, Duration patience) {
        ReadLimits limits =
                new ReadLimits(400_000, 10, MINUTE, patience, new ReadLimits.Retries(3, Duration.ofMillis(10)), true);
        FetchReport report =
                new FetchReport(SHUFFLE, TaskContext$.MODULE$.empty(), counters, new TempShuffleReadMetrics());
        return new Fetch(lookups, new HostLanding(scratch), limits, report);
    }

    private static void write(int owner, int maps, int blockBytes) throws IOException {
        for (int map = 0; map < maps; map++) {
            Entry entry = new Entry(0, ByteBuffer.allocate(blockBytes), false);
            EXECUTORS.get(owner).commit(SHUFFLE, owner * 100L + map, List.of(List.of(entry)));
        }
    }

    private static List<PeerBlocks> blocks(int owner, int maps) {
        return EXECUTORS.get(owner).blocks(SHUFFLE, owner * 100L, maps);
    }

    /** As zipPartitions and joins without a sort do: a task reads from one shuffle while it is in the middle of another. */
    @ParameterizedTest
    @ValueSource(ints = {SMALL, LARGE})
    void tasksThatReadTwoShufflesAlternatelyAllEnd(int blockBytes) throws Exception {
        int maps = 6;
        write(1, maps, blockBytes);
        write(2, maps, blockBytes);
        Lookups lookups = lookups();
        try (RegionPool scratch = scratch(3L * blockBytes)) {
            List<Future<Integer>> results = new ArrayList<>();
            for (int task = 0; task < 4; task++) {
                results.add(tasks.submit(() -> {
                    try (Fetch one = fetch(lookups, scratch, MINUTE);
                            Fetch other = fetch(lookups, scratch, MINUTE)) {
                        one.start(blocks(1, maps));
                        other.start(blocks(2, maps));
                        int read = 0;
                        while (one.peek() != null && other.peek() != null) {
                            one.take();
                            other.take();
                            read += 2;
                        }
                        return read;
                    }
                }));
            }
            for (Future<Integer> result : results) {
                assertThat(result.get(4, TimeUnit.MINUTES)).isEqualTo(2 * maps);
            }
            assertThat(scratch.usedBytes()).isZero();
        }
        lookups.forget(SHUFFLE);
    }

    /** Takes all memory and what one thread may have beyond the limit, on a thread of another task. */
    private static List<Extent> takeAll(RegionPool scratch) throws Exception {
        FutureTask<List<Extent>> taken = new FutureTask<>(() -> List.of(
                scratch.tryNeeded(4 << 20).orElseThrow(),
                scratch.tryNeeded(4 << 20).orElseThrow()));
        Thread other = new Thread(taken, "another task");
        other.start();
        return taken.get(60, TimeUnit.SECONDS);
    }

    @Test
    void aTaskWaitsForMemoryThatOthersHold() throws Exception {
        write(1, 5, LARGE);
        Lookups lookups = lookups();
        try (RegionPool scratch = scratch(4 << 20)) {
            List<Extent> others = takeAll(scratch);
            try (Fetch fetch = fetch(lookups, scratch, MINUTE)) {
                fetch.start(blocks(1, 5));
                CompletableFuture<Integer> blocks = CompletableFuture.supplyAsync(() -> read(fetch), tasks);
                await().atMost(MINUTE).until(() -> counters.waitMillis() > 50);
                assertThat(blocks).isNotDone();
                others.forEach(Extent::release);
                assertThat(blocks.get(60, TimeUnit.SECONDS)).isEqualTo(5);
            }
            assertThat(scratch.usedBytes()).isZero();
        }
        lookups.forget(SHUFFLE);
    }

    @Test
    void memoryThatNeverComesFailsTheTaskAndNamesTheLimit() throws Exception {
        write(1, 1, LARGE);
        Lookups lookups = lookups();
        try (RegionPool scratch = scratch(4 << 20)) {
            List<Extent> others = takeAll(scratch);
            try (Fetch fetch = fetch(lookups, scratch, Duration.ofMillis(100))) {
                fetch.start(blocks(1, 1));
                assertThatThrownBy(fetch::peek)
                        .isInstanceOf(IOException.class)
                        .isNotInstanceOf(FetchFailedException.class)
                        .hasMessageContaining("limit=" + (4 << 20) + " used=" + (8 << 20))
                        .hasMessageContaining("Raise spark.mooncake.shuffle.scratch, then -XX:MaxDirectMemorySize");
            } finally {
                others.forEach(Extent::release);
            }
        }
        lookups.forget(SHUFFLE);
    }

    @Test
    void aLookUpForWhichThisProcessHasNoMemoryIsRepeatedAndBlamedOnNoPeer() throws Exception {
        write(1, 1, LARGE);
        AtomicInteger failing = new AtomicInteger(3);
        Lookups lookups = lookups(peer -> new DelegatingPeer(peer) {
            @Override
            public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
                return failing.getAndDecrement() > 0
                        ? CompletableFuture.failedFuture(new TransferException(
                                Code.REFUSED, "no memory to ask peer", new OutOfMemoryError("direct")))
                        : super.ask(service, request, timeout);
            }
        });
        try (RegionPool scratch = scratch(4 << 20)) {
            try (Fetch fetch = fetch(lookups, scratch, MINUTE)) {
                fetch.start(blocks(1, 1));
                assertThat(read(fetch)).isEqualTo(1);
            }
            lookups.forget(SHUFFLE);
            failing.set(4);
            try (Fetch fetch = fetch(lookups, scratch, MINUTE)) {
                fetch.start(blocks(1, 1));
                assertThatThrownBy(fetch::peek)
                        .isInstanceOf(IOException.class)
                        .isNotInstanceOf(FetchFailedException.class)
                        .hasMessageContaining("short-owner-1")
                        .hasMessageContaining("-XX:MaxDirectMemorySize");
            }
        }
        lookups.forget(SHUFFLE);
    }

    private static int read(Fetch fetch) {
        int blocks = 0;
        try {
            for (Group next = fetch.peek(); next != null; next = fetch.peek()) {
                blocks += new BlockStream(fetch, next, false).readAllBytes().length / LARGE;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return blocks;
    }
}
