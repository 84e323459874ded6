// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32C;

/** A store with outputs of random bytes that can be made again from their map id, and what a reader checks of them. */
final class Outputs implements AutoCloseable {
    static final int PARTITIONS = 4;

    final AtomicLong nanos = new AtomicLong(1_000);
    final RegionPool memory;
    final RegionPool files;
    final MapOutputStore store;

    Outputs(Path directory, long memoryBytes) {
        memory = RegionPool.sharedMemory(
                directory, new RegionPool.Limits(memoryBytes, 1 << 20, Duration.ofMinutes(1)), RegionListener.NONE);
        files = RegionPool.files(
                List.of(directory),
                new RegionPool.Limits(Long.MAX_VALUE / 2, 1 << 20, Duration.ofMinutes(1)),
                RegionListener.NONE);
        store = new MapOutputStore(memory, files, Duration.ofMinutes(10), nanos::get);
    }

    /** Makes an output of {@code parts} parts with {@code blockBytes} of each partition; memory first, then files. */
    MapOutput output(long mapId, int parts, int blockBytes) throws IOException {
        List<Part> made = new ArrayList<>();
        for (int part = 0; part < parts; part++) {
            long bytes = Part.totalBytes((long) PARTITIONS * blockBytes, PARTITIONS);
            Extent extent = store.tryAllocateMemory(bytes).orElse(null);
            made.add(part(extent == null ? store.allocateOnDisk(bytes) : extent, mapId, part, blockBytes));
        }
        return new MapOutput(mapId, made);
    }

    private static Part part(Extent extent, long mapId, int part, int blockBytes) throws IOException {
        long dataBytes = (long) PARTITIONS * blockBytes;
        ByteBuffer words = ByteBuffer.allocate(BlockIndex.sizeBytes(PARTITIONS));
        BlockIndex index = new BlockIndex(words, PARTITIONS);
        for (int partition = 0; partition < PARTITIONS; partition++) {
            byte[] block = block(mapId, part, partition, blockBytes);
            extent.write((long) partition * blockBytes, ByteBuffer.wrap(block));
            index.set(partition, BlockIndex.word(partition, Encoding.PLAIN), (long) partition * blockBytes);
            index.setChecksum(partition, crc(ByteBuffer.wrap(block)));
        }
        index.setEnd(dataBytes);
        extent.write(BlockIndex.startFor(dataBytes), words);
        return new Part(extent, dataBytes, PARTITIONS);
    }

    static byte[] block(long mapId, int part, int partition, int blockBytes) {
        byte[] block = new byte[blockBytes];
        new Random(mapId * 1_000 + part * 10L + partition).nextBytes(block);
        return block;
    }

    static int crc(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }

    /** Returns whether every row of a partition's look-up has its bytes and checksum. */
    static boolean isIntact(LeasedBlocks<HostRegion> found, long mapId, int partition) {
        BlockTable table = found.table();
        boolean intact = table.size() > 0;
        for (int row = 0; row < table.size(); row++) {
            ByteBuffer bytes = ByteBuffer.allocate((int) table.length(row));
            read(found.regions().get(table.region(row)), table.offset(row), bytes);
            intact &= crc(bytes.duplicate()) == table.checksum(row)
                    && bytes.equals(ByteBuffer.wrap(block(mapId, row, partition, (int) table.length(row))));
        }
        return intact;
    }

    private static void read(HostRegion region, long offset, ByteBuffer into) {
        try {
            region.readFully(offset, into);
            into.flip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        store.close();
        memory.close();
        files.close();
    }
}
