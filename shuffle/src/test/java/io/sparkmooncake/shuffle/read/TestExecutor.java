// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.shuffle.store.BlockIndex;
import io.sparkmooncake.shuffle.store.Encoding;
import io.sparkmooncake.shuffle.store.LookupServices;
import io.sparkmooncake.shuffle.store.MapOutput;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.shuffle.store.Part;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32C;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.ShuffleBlockId;
import scala.Option;
import scala.Tuple2;
import scala.Tuple3;
import scala.collection.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** An executor with an engine and a store, as real ones have. */
final class TestExecutor implements AutoCloseable {
    private static final byte[] SECRET = "a secret of sixteen bytes or more".getBytes(StandardCharsets.UTF_8);
    private static final Duration MINUTE = Duration.ofMinutes(1);

    private final LocalEngine engine;
    private final RegionPool memory;
    private final RegionPool files;
    private final MapOutputStore store;

    /** Starts an executor that reaches others over these paths. */
    TestExecutor(String name, String paths) throws IOException {
        this(name, paths, LookupServices.MAX_ANSWER_BYTES);
    }

    /** Starts an executor whose answers to look-ups have a length at most. */
    TestExecutor(String name, String paths, int maxAnswerBytes) throws IOException {
        TransferSettings settings = TransferSettings.read(Map.of("spark.mooncake.transfer.paths", paths));
        engine = LocalEngine.start(new Identity(name, name.hashCode(), "127.0.0.1", SECRET), settings);
        RegionPool.Limits limits = new RegionPool.Limits(64 << 20, 1 << 20, MINUTE);
        memory = RegionPool.sharedMemory(Path.of("/dev/shm"), limits, new Registered(engine));
        Path directory = Path.of(System.getProperty("java.io.tmpdir"));
        files = RegionPool.files(List.of(directory), limits, new Registered(engine));
        store = new MapOutputStore(memory, files, MINUTE, System::nanoTime);
        LookupServices.offer(engine, store, maxAnswerBytes);
    }

    private record Registered(LocalEngine engine) implements RegionListener {
        @Override
        public void created(HostRegion region) {
            engine.register(region);
        }

        @Override
        public void retiring(HostRegion region) {
            engine.unregister(region);
        }
    }

    String name() {
        return engine.self().name();
    }

    LocalEngine engine() {
        return engine;
    }

    MapOutputStore store() {
        return store;
    }

    /** Looks blocks up among these executors, over connections that {@code change} may replace. */
    Lookups lookups(List<TestExecutor> executors, Leases leases, UnaryOperator<Peer> change) {
        BlockOwners owners = new BlockOwners(
                name(),
                store,
                name -> engine.connect(executors.stream()
                                .filter(executor -> executor.name().equals(name))
                                .findFirst()
                                .orElseThrow()
                                .engine()
                                .self())
                        .thenApply(change),
                MINUTE);
        return new Lookups(owners, leases, MINUTE, System::nanoTime);
    }

    BlockManagerId address() {
        return BlockManagerId.apply(name(), "127.0.0.1", 1, Option.empty());
    }

    /**
     * One block, or a stretch of it, of a part.
     *
     * @param partition of the block
     * @param bytes of the stretch
     * @param continued whether the next part goes on with the block
     */
    record Entry(int partition, ByteBuffer bytes, boolean continued) {}

    /** Commits a map output of these parts, in memory. */
    void commit(int shuffleId, long mapId, List<List<Entry>> parts) throws IOException {
        commit(shuffleId, mapId, parts, part -> false);
    }

    /** Commits a map output of these parts, some of them in files. */
    void commit(int shuffleId, long mapId, List<List<Entry>> parts, IntPredicate isInFile) throws IOException {
        List<Part> made = new ArrayList<>();
        for (List<Entry> entries : parts) {
            long bytes = Part.totalBytes(
                    entries.stream().mapToLong(entry -> entry.bytes.remaining()).sum(), entries.size());
            made.add(part(
                    entries,
                    isInFile.test(made.size())
                            ? store.allocateOnDisk(bytes)
                            : store.tryAllocateMemory(bytes).orElseThrow()));
        }
        store.commit(shuffleId, new MapOutput(mapId, made));
    }

    private static Part part(List<Entry> entries, Extent extent) throws IOException {
        long dataBytes =
                entries.stream().mapToLong(entry -> entry.bytes.remaining()).sum();
        ByteBuffer words = ByteBuffer.allocate(BlockIndex.sizeBytes(entries.size()));
        BlockIndex index = new BlockIndex(words, entries.size());
        CRC32C crc = new CRC32C();
        long start = 0;
        for (int i = 0; i < entries.size(); i++) {
            Entry entry = entries.get(i);
            extent.write(start, entry.bytes.duplicate());
            int word = BlockIndex.word(entry.partition, Encoding.PLAIN);
            index.set(i, entry.continued ? BlockIndex.continued(word) : word, start);
            crc.reset();
            crc.update(entry.bytes.duplicate());
            index.setChecksum(i, (int) crc.getValue());
            start += entry.bytes.remaining();
        }
        index.setEnd(start);
        extent.write(BlockIndex.startFor(dataBytes), words);
        return new Part(extent, dataBytes, entries.size());
    }

    /** Returns what asks for partition 0 of map outputs with ids in a row. */
    List<PeerBlocks> blocks(int shuffleId, long firstMap, int maps) {
        List<Tuple3<BlockId, Object, Object>> listed = new ArrayList<>();
        for (int map = 0; map < maps; map++) {
            listed.add(new Tuple3<>(new ShuffleBlockId(shuffleId, firstMap + map, 0), 1L, map));
        }
        Seq<Tuple3<BlockId, Object, Object>> blocks = CollectionConverters.asScala(listed);
        return PeerBlocks.of(
                CollectionConverters.asScala(
                        List.of(new Tuple2<>(address(), blocks)).iterator()),
                0,
                1,
                PeerBlocks.MAX_BLOCKS);
    }

    @Override
    public void close() {
        store.close();
        assertThat(memory.usedBytes() + files.usedBytes()).isZero();
        memory.close();
        files.close();
        engine.close();
    }
}
