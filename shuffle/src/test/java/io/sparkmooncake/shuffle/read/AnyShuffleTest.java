// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sparkmooncake.shuffle.read.TestExecutor.Entry;
import io.sparkmooncake.shuffle.store.LookupServices;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.spark.TaskContext$;
import org.apache.spark.executor.TempShuffleReadMetrics;
import org.apache.spark.shuffle.FetchFailedException;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.ShuffleBlockId;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import scala.Tuple2;
import scala.Tuple3;
import scala.collection.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Whatever the sizes, cuts, budgets, orders of arrival and faults are, a task reads the blocks that were written, each once and
 * whole. One executor reads from itself, from neighbours whose memory it maps and from peers over tcp, parts in memory and parts in
 * files. Some answer look-ups only piece by piece.
 */
final class AnyShuffleTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final int PARTITIONS = 6;

    private static final List<TestExecutor> EXECUTORS = new ArrayList<>();

    @BeforeAll
    static void start() throws IOException {
        EXECUTORS.add(new TestExecutor("reader", "shm,tcp"));
        for (int i = 1; i <= 7; i++) {
            int maxAnswerBytes = i % 2 == 0 ? 2_000 : LookupServices.MAX_ANSWER_BYTES;
            EXECUTORS.add(new TestExecutor("peer-" + i, i % 3 == 0 ? "shm,tcp" : "tcp", maxAnswerBytes));
        }
    }

    @AfterAll
    static void stop() {
        EXECUTORS.forEach(TestExecutor::close);
    }

    static Stream<Integer> seeds() {
        return Stream.iterate(1, seed -> seed + 1).limit(60);
    }

    /** A shuffle made by chance, and what a task must read of it: for each map output and partition, its blocks. */
    private static final class Shuffle {
        private final int id;
        private final Random random;
        private final int startPartition;
        private final int endPartition;
        private final Map<String, List<ByteBuffer>> wanted = new TreeMap<>();
        private final List<Tuple2<BlockManagerId, Seq<Tuple3<BlockId, Object, Object>>>> tracked = new ArrayList<>();

        Shuffle(int seed) throws IOException {
            id = seed;
            random = new Random(seed);
            startPartition = random.nextInt(PARTITIONS);
            endPartition = startPartition + 1 + random.nextInt(PARTITIONS - startPartition);
            int peers = 1 + random.nextInt(EXECUTORS.size());
            int firstPeer = random.nextInt(3) == 0 ? 0 : 1;
            long mapId = 100;
            for (int i = firstPeer; i < peers; i++) {
                List<Tuple3<BlockId, Object, Object>> listed = new ArrayList<>();
                for (int map = random.nextInt(6); map > 0; map--) {
                    list(mapId, (int) mapId - 100, write(EXECUTORS.get(i), mapId), listed);
                    mapId++;
                }
                if (!listed.isEmpty()) {
                    tracked.add(new Tuple2<>(EXECUTORS.get(i).address(), CollectionConverters.asScala(listed)));
                }
            }
        }

        private void list(long mapId, int mapIndex, boolean[] filled, List<Tuple3<BlockId, Object, Object>> listed) {
            for (int partition = startPartition; partition < endPartition; partition++) {
                if (filled[partition]) {
                    listed.add(new Tuple3<>(new ShuffleBlockId(id, mapId, partition), 1L, mapIndex));
                }
            }
        }

        /** Writes a map output of one or two runs, each cut into parts anywhere; returns which partitions it has. */
        private boolean[] write(TestExecutor executor, long mapId) throws IOException {
            boolean[] filled = new boolean[PARTITIONS];
            List<List<Entry>> parts = new ArrayList<>();
            for (int run = 1 + random.nextInt(2); run > 0; run--) {
                List<Entry> part = new ArrayList<>();
                int room = roomOfPart();
                for (int partition = 0; partition < PARTITIONS; partition++) {
                    byte[] block = new byte[random.nextInt(4) == 0 ? 0 : 1 + random.nextInt(40_000)];
                    random.nextBytes(block);
                    if (block.length > 0) {
                        filled[partition] = true;
                        want(mapId, partition, block);
                    }
                    for (int at = 0; at < block.length; ) {
                        int step = Math.min(room, block.length - at);
                        boolean goesOn = at + step < block.length;
                        byte[] stretch = Arrays.copyOfRange(block, at, at + step);
                        part.add(new Entry(partition, ByteBuffer.wrap(stretch), goesOn));
                        at += step;
                        room -= step;
                        if (room == 0) {
                            parts.add(part);
                            part = new ArrayList<>();
                            room = roomOfPart();
                        }
                    }
                }
                if (!part.isEmpty()) {
                    parts.add(part);
                }
            }
            executor.commit(id, mapId, parts, part -> random.nextInt(3) == 0);
            return filled;
        }

        private int roomOfPart() {
            return 1 + random.nextInt(random.nextInt(3) == 0 ? 200_000 : 20_000);
        }

        private void want(long mapId, int partition, byte[] block) {
            if (partition >= startPartition && partition < endPartition) {
                wanted.computeIfAbsent(mapId + "/" + partition, key -> new ArrayList<>())
                        .add(ByteBuffer.wrap(block));
            }
        }

        List<PeerBlocks> sources(int maxBlocks) {
            return PeerBlocks.of(
                    CollectionConverters.asScala(tracked.iterator()), startPartition, endPartition, maxBlocks);
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void whatIsReadIsWhatWasWritten(int seed) throws Exception {
        Shuffle shuffle = new Shuffle(seed);
        Random random = new Random(-seed);
        int faults = random.nextInt(3) == 0 ? 0 : random.nextInt(30);
        RegionPool.Limits scratchLimits =
                new RegionPool.Limits(random.nextInt(2) == 0 ? 250_000 : 8 << 20, 1 << 16, MINUTE);
        int maxBlocks = random.nextInt(2) == 0 ? 1 + random.nextInt(8) : PeerBlocks.MAX_BLOCKS;
        ReadLimits limits = new ReadLimits(
                random.nextInt(2) == 0 ? 1 + random.nextInt(200_000) : 4 << 20,
                random.nextInt(2) == 0 ? 1 + random.nextInt(3) : Integer.MAX_VALUE,
                MINUTE,
                MINUTE,
                new ReadLimits.Retries(1_000, Duration.ofMillis(1)),
                true);
        Leases leases = new Leases(MINUTE, System::nanoTime, Runnable::run);
        try (RegionPool scratch = RegionPool.privateMemory(scratchLimits)) {
            Lookups lookups = lookups(leases, random, faults);
            try (Fetch fetch = fetch(shuffle, lookups, scratch, limits)) {
                fetch.start(shuffle.sources(maxBlocks));
                assertThat(read(fetch)).isEqualTo(sorted(shuffle.wanted));
            }
            lookups.forget(shuffle.id);
            assertThat(leases.held()).isZero();
            assertThat(scratch.usedBytes()).isZero();
        } finally {
            EXECUTORS.forEach(executor -> executor.store().removeShuffle(shuffle.id));
        }
    }

    /** With one retry and faults up to a peer that never answers, a task may fail, but never reads something else. */
    @Test
    void withFewRetriesATaskReadsEverythingOrFailsByName() throws Exception {
        int[] faultsInHundred = {0, 5, 20, 100};
        ReadLimits limits =
                new ReadLimits(400_000, 20, MINUTE, MINUTE, new ReadLimits.Retries(1, Duration.ofMillis(1)), true);
        Leases leases = new Leases(MINUTE, System::nanoTime, Runnable::run);
        int whole = 0;
        int failed = 0;
        try (RegionPool scratch = RegionPool.privateMemory(new RegionPool.Limits(8 << 20, 1 << 16, MINUTE))) {
            for (int seed = 2_000; seed < 2_024; seed++) {
                Shuffle shuffle = new Shuffle(seed);
                Lookups lookups = lookups(leases, new Random(-seed), faultsInHundred[seed % faultsInHundred.length]);
                try (Fetch fetch = fetch(shuffle, lookups, scratch, limits)) {
                    fetch.start(shuffle.sources(PeerBlocks.MAX_BLOCKS));
                    assertThat(read(fetch)).as("seed " + seed).isEqualTo(sorted(shuffle.wanted));
                    whole++;
                } catch (Exception e) {
                    assertThat(e)
                            .isInstanceOf(FetchFailedException.class)
                            .hasMessageMatching("(?s).*shuffle " + seed + " map .* from executor peer-.*could not be .*"
                                    + " in 2 attempts.*");
                    failed++;
                }
                lookups.forget(seed);
                await().atMost(MINUTE).until(() -> leases.held() == 0 && scratch.usedBytes() == 0);
                EXECUTORS.forEach(executor -> executor.store().removeShuffle(shuffle.id));
            }
        }
        assertThat(whole).as("without faults").isGreaterThanOrEqualTo(6);
        assertThat(failed).as("by the peers that never answer").isPositive();
    }

    /** Each needs more than the others leave it, and waits with parts of blocks that go on elsewhere. */
    @Test
    void tasksThatShareLittleMemoryAllEnd() throws Exception {
        Leases leases = new Leases(MINUTE, System::nanoTime, Runnable::run);
        ReadLimits limits =
                new ReadLimits(400_000, 20, MINUTE, MINUTE, new ReadLimits.Retries(1_000, Duration.ofMillis(1)), true);
        ExecutorService tasks = Executors.newFixedThreadPool(4);
        try (RegionPool scratch = RegionPool.privateMemory(new RegionPool.Limits(128 << 10, 64 << 10, MINUTE))) {
            List<Future<?>> results = new ArrayList<>();
            for (int seed = 1_000; seed < 1_032; seed++) {
                Shuffle shuffle = new Shuffle(seed);
                Lookups lookups = lookups(leases, new Random(seed), 5);
                results.add(tasks.submit(() -> {
                    try (Fetch fetch = fetch(shuffle, lookups, scratch, limits)) {
                        fetch.start(shuffle.sources(PeerBlocks.MAX_BLOCKS));
                        assertThat(read(fetch)).isEqualTo(sorted(shuffle.wanted));
                    }
                    lookups.forget(shuffle.id);
                    EXECUTORS.forEach(executor -> executor.store().removeShuffle(shuffle.id));
                    return null;
                }));
            }
            for (Future<?> result : results) {
                result.get(4, TimeUnit.MINUTES);
            }
            assertThat(leases.held()).isZero();
            assertThat(scratch.usedBytes()).isZero();
        } finally {
            tasks.shutdownNow();
        }
    }

    private static Lookups lookups(Leases leases, Random random, int faults) {
        return EXECUTORS.get(0).lookups(EXECUTORS, leases, peer -> new FaultyPeer(peer, random, faults));
    }

    private static Fetch fetch(Shuffle shuffle, Lookups lookups, RegionPool scratch, ReadLimits limits) {
        FetchReport report = new FetchReport(
                shuffle.id, TaskContext$.MODULE$.empty(), new ReadCounters(), new TempShuffleReadMetrics());
        return new Fetch(lookups, new HostLanding(scratch), limits, report);
    }

    /** Reads block after block; within a map output and partition they are in any order. */
    private static Map<String, List<ByteBuffer>> read(Fetch fetch) throws IOException {
        Map<String, List<ByteBuffer>> blocks = new TreeMap<>();
        for (Group next = fetch.peek(); next != null; next = fetch.peek()) {
            long mapId = next.source().mapIds()[next.table().map(next.row())];
            String key = mapId + "/" + next.table().partition(next.row());
            BlockStream stream = new BlockStream(fetch, next, false);
            blocks.computeIfAbsent(key, absent -> new ArrayList<>()).add(ByteBuffer.wrap(stream.readAllBytes()));
        }
        return sorted(blocks);
    }

    private static Map<String, List<ByteBuffer>> sorted(Map<String, List<ByteBuffer>> blocks) {
        blocks.values().forEach(list -> list.sort(null));
        return blocks;
    }
}
