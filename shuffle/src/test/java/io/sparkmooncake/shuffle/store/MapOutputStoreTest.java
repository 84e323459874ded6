// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MapOutputStoreTest {
    private static final Duration LEASE = Duration.ofSeconds(30);

    @TempDir
    Path directory;

    private final AtomicLong nanos = new AtomicLong(1_000);
    private RegionPool memory;
    private RegionPool files;
    private MapOutputStore store;

    @BeforeEach
    void open() {
        RegionPool.Limits limits = new RegionPool.Limits(1 << 20, 1 << 20, Duration.ZERO);
        memory = RegionPool.sharedMemory(directory, limits, RegionListener.NONE);
        files = RegionPool.files(List.of(directory), limits, RegionListener.NONE);
        store = new MapOutputStore(memory, files, LEASE, nanos::get);
    }

    @AfterEach
    void close() {
        store.close();
        assertThat(memory.usedBytes() + files.usedBytes()).isZero();
        memory.close();
        files.close();
    }

    @Test
    void answersWithTheBlocksOfTheWantedPartitionsOnly() throws IOException {
        store.commit(1, output(10, Map.of(0, 5, 3, 7, 9, 11)));
        store.commit(1, output(11, Map.of(3, 2)));

        LeasedBlocks<HostRegion> found = store.lookup("a", new LookupRequest(1, 1, 9, new long[] {10, 11, 12}));

        assertThat(found.table().size()).isEqualTo(2);
        assertThat(found.table().length(0)).isEqualTo(7);
        assertThat(found.table().partition(0)).isEqualTo(3);
        assertThat(found.table().map(1)).isEqualTo(1);
        assertThat(found.table().firstIncomplete(new int[] {1, 1, 0})).isEqualTo(-1);
        assertThat(found.table().firstIncomplete(new int[] {1, 1, 1})).isEqualTo(2);
        store.release("a", found.leaseId());
    }

    @Test
    void firstCommittedAttemptWinsAndTheOtherIsFreed() throws IOException {
        MapOutput first = output(10, Map.of(0, 500));
        assertThat(store.commit(1, first)).isSameAs(first);
        long used = memory.usedBytes();

        assertThat(store.commit(1, output(10, Map.of(0, 900)))).isSameAs(first);

        assertThat(memory.usedBytes()).isEqualTo(used);
    }

    /** Twelve bytes a block are little beside blocks of any size, except the smallest ones. */
    @Test
    void indexesOfFilesStayInMemoryUnlessTheirBlocksAreTiny() throws IOException {
        store.commit(1, inFile(10, 80));
        store.commit(1, inFile(11, 2_000));
        for (long mapId : new long[] {10, 11}) {
            LookupRequest request = new LookupRequest(1, 30, 40, new long[] {mapId});
            assertThat(store.hasIndexesInMemory(request)).as("nobody asked yet").isFalse();
            LeasedBlocks<HostRegion> found = store.lookup("a", request);
            assertThat(found.table().size()).isEqualTo(10);
            assertThat(found.table().partition(9)).isEqualTo(39);
            assertThat(store.hasIndexesInMemory(request)).isEqualTo(mapId == 10);
            store.release("a", found.leaseId());
        }
        assertThat(store.hasIndexesInMemory(new LookupRequest(1, 0, 1, new long[] {10, 11})))
                .isFalse();
        assertThat(store.hasIndexesInMemory(new LookupRequest(1, 0, 1, new long[] {10, 12})))
                .isTrue();
        assertThat(store.hasIndexesInMemory(new LookupRequest(2, 0, 1, new long[] {10})))
                .isTrue();
    }

    /** Makes an output of blocks of one byte in a file. */
    private MapOutput inFile(long mapId, int blocks) throws IOException {
        Extent extent = store.allocateOnDisk(Part.totalBytes(blocks, blocks));
        ByteBuffer words = ByteBuffer.allocate(BlockIndex.sizeBytes(blocks));
        BlockIndex index = new BlockIndex(words, blocks);
        for (int i = 0; i < blocks; i++) {
            index.set(i, BlockIndex.word(i, Encoding.PLAIN), i);
        }
        index.setEnd(blocks);
        extent.write(0, ByteBuffer.allocate(blocks));
        extent.write(BlockIndex.startFor(blocks), words);
        return new MapOutput(mapId, List.of(new Part(extent, blocks, blocks)));
    }

    @Test
    void keepsRemovedMemoryUntilTheLastLeaseEnds() throws IOException {
        store.commit(1, output(10, Map.of(0, 500)));
        LeasedBlocks<HostRegion> released = store.lookup("a", new LookupRequest(1, 0, 1, new long[] {10}));
        LeasedBlocks<HostRegion> orphaned = store.lookup("b", new LookupRequest(1, 0, 1, new long[] {10}));

        store.removeShuffle(1);
        assertThat(memory.usedBytes()).isPositive();
        assertThat(store.lookup("c", new LookupRequest(1, 0, 1, new long[] {10}))
                        .table()
                        .size())
                .isZero();

        store.release("b", released.leaseId());
        store.release("a", released.leaseId());
        store.release("a", released.leaseId());
        assertThat(memory.usedBytes()).isPositive();

        assertThat(store.holderLost("b")).isEqualTo(1);
        assertThat(store.renew("b", orphaned.leaseId())).isFalse();
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void aLeaseHoldsOnlyTheExtentsThatItsAnswerNames() throws IOException {
        store.commit(1, output(10, Map.of(0, 5_000)));
        store.commit(1, output(11, Map.of(0, 70_000)));
        store.commit(1, output(12, Map.of(5, 90_000)));
        LeasedBlocks<HostRegion> first = store.lookup("a", new LookupRequest(1, 0, 1, new long[] {10, 12}));
        LeasedBlocks<HostRegion> second = store.lookup("b", new LookupRequest(1, 0, 1, new long[] {11}));
        LeasedBlocks<HostRegion> nothing = store.lookup("c", new LookupRequest(1, 1, 5, new long[] {10, 11, 12}));
        assertThat(nothing.leaseId()).as("nothing to hold").isZero();
        assertThat(store.liveLeases()).isEqualTo(2);

        store.removeShuffle(1);
        long both = memory.usedBytes();
        assertThat(both).as("map output 12 is named by no answer").isBetween(75_000L, 89_999L);
        store.release("b", second.leaseId());
        assertThat(memory.usedBytes()).isBetween(5_000L, 10_000L);
        store.release("a", first.leaseId());
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void removingAMapFreesItThoughOthersOfItsShuffleAreRead() throws IOException {
        store.commit(1, output(10, Map.of(0, 5_000)));
        store.commit(1, output(11, Map.of(0, 70_000)));
        LeasedBlocks<HostRegion> reader = store.lookup("a", new LookupRequest(1, 0, 1, new long[] {10}));
        store.removeMap(1, 11);
        assertThat(memory.usedBytes()).isLessThan(10_000);
        store.release("a", reader.leaseId());
    }

    @Test
    void endsLeasesThatNobodyRenews() throws IOException {
        store.commit(1, output(10, Map.of(0, 500)));
        long lease =
                store.lookup("a", new LookupRequest(1, 0, 1, new long[] {10})).leaseId();
        nanos.addAndGet(LEASE.toNanos() - 1);
        assertThat(store.renew("a", lease)).isTrue();
        nanos.addAndGet(LEASE.toNanos());
        assertThat(store.expireLeases()).isZero();
        nanos.addAndGet(1);
        assertThat(store.expireLeases()).isEqualTo(1);
        assertThat(store.liveLeases()).isZero();
    }

    /** As Spark does when a plan is run again whose shuffle files were cleaned up after its first run. */
    @Test
    void beginsAShuffleAnewThatWasRemoved() throws IOException {
        store.commit(1, output(10, Map.of(0, 500)));
        LeasedBlocks<HostRegion> reader = store.lookup("a", new LookupRequest(1, 0, 1, new long[] {10}));
        store.removeShuffle(1);
        store.commit(1, output(11, Map.of(0, 5)));
        assertThat(store.stored()).isEqualTo(Map.of(1, List.of(11L)));
        LeasedBlocks<HostRegion> again = store.lookup("a", new LookupRequest(1, 0, 1, new long[] {10, 11}));
        assertThat(again.table().size()).isEqualTo(1);
        assertThat(again.table().length(0)).isEqualTo(5);

        store.release("a", reader.leaseId());
        store.release("a", again.leaseId());
        assertThat(memory.usedBytes()).isPositive();
        store.removeShuffle(1);
        assertThat(memory.usedBytes()).isZero();
    }

    @Test
    void lookUpsSurviveTheWireAndTruncationIsRefused() throws IOException {
        store.commit(1, output(10, Map.of(0, 5, 3, 7)));
        LeasedBlocks<RegionDescriptor> answer =
                LeasedBlocks.described(store.lookup("a", new LookupRequest(1, 0, 4, new long[] {10})));
        ByteBuffer wire = LookupFrame.encode(answer);

        LeasedBlocks<RegionDescriptor> read = LookupFrame.decodeAnswer(wire.duplicate());

        assertThat(read.regions()).isEqualTo(answer.regions());
        assertThat(read.leaseId()).isEqualTo(answer.leaseId());
        assertThat(read.table().size()).isEqualTo(2);
        assertThat(read.table().offset(1)).isEqualTo(answer.table().offset(1));
        assertThat(read.table().checksum(1)).isEqualTo(answer.table().checksum(1));
        for (int length = 0; length < wire.remaining(); length++) {
            ByteBuffer cut = wire.slice(0, length);
            assertThatThrownBy(() -> LookupFrame.decodeAnswer(cut)).isInstanceOf(IOException.class);
        }
        ByteBuffer request = LookupFrame.encode(new LookupRequest(1, 0, 4, new long[] {10, 11}));
        assertThat(LookupFrame.decodeRequest(request.duplicate()).mapIds()).containsExactly(10, 11);
        for (int length = 0; length < request.remaining(); length++) {
            ByteBuffer cut = request.slice(0, length);
            assertThatThrownBy(() -> LookupFrame.decodeRequest(cut)).isInstanceOf(IOException.class);
        }
        store.holderLost("a");
    }

    /** Whatever the longest answer is: none is longer, each says what it covers, and its lease holds only that. */
    @Test
    void answersWithWhatFits() throws IOException {
        store.commit(1, output(10, Map.of(0, 5, 3, 7, 9, 11)));
        store.commit(1, output(12, Map.of(3, 2)));
        LookupRequest request = new LookupRequest(1, 0, 10, new long[] {10, 11, 12});
        LeasedBlocks<HostRegion> all = store.lookup("a", request);
        int allBytes = LookupFrame.encode(LeasedBlocks.described(all)).remaining();
        store.release("a", all.leaseId());
        Set<String> covered = new TreeSet<>();
        for (int maxBytes = allBytes + 100; maxBytes > allBytes - 28; maxBytes--) {
            LeasedBlocks<HostRegion> found = store.lookup("a", request, maxBytes);
            ByteBuffer wire = LookupFrame.encode(LeasedBlocks.described(found));
            assertThat(wire.remaining()).isLessThanOrEqualTo(maxBytes);
            BlockTable table = LookupFrame.decodeAnswer(wire).table();
            covered.add(table.maps() + " to " + table.endPartition() + ": " + table.size());
            store.removeMap(1, 12);
            boolean holdsAll = memory.extents() == 2;
            assertThat(holdsAll).isEqualTo(table.maps() == 3);
            store.release("a", found.leaseId());
            store.commit(1, output(12, Map.of(3, 2)));
        }
        assertThat(covered).contains("3 to 10: 4", "2 to 10: 3", "1 to 9: 2");
        assertThatThrownBy(() -> store.lookup("a", request, 60))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("shuffle 1 map id 10 partition 0: a single block takes bytes=");
        assertThat(store.liveLeases()).isZero();
    }

    private MapOutput output(long mapId, Map<Integer, Integer> lengths) throws IOException {
        long dataBytes = lengths.values().stream().mapToInt(Integer::intValue).sum();
        Extent extent = store.tryAllocateMemory(BlockIndex.startFor(dataBytes) + BlockIndex.sizeBytes(lengths.size()))
                .orElseThrow();
        BlockIndex index = new BlockIndex(
                extent.slice(BlockIndex.startFor(dataBytes), BlockIndex.sizeBytes(lengths.size())), lengths.size());
        long start = 0;
        int entry = 0;
        for (int partition : lengths.keySet().stream().sorted().toList()) {
            index.set(entry, BlockIndex.word(partition, Encoding.PLAIN), start);
            index.setChecksum(entry++, partition * 31);
            start += lengths.getOrDefault(partition, 0);
        }
        index.setEnd(start);
        return new MapOutput(mapId, List.of(new Part(extent, dataBytes, lengths.size())));
    }
}
