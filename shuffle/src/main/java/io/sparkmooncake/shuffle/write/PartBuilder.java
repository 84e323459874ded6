// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.store.BlockIndex;
import io.sparkmooncake.shuffle.store.Part;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * One part while it is written: shareable memory, or private memory that {@link #seal} copies into a file because the limit
 * of shareable memory is reached. The builder owns the memory until it is sealed or aborted.
 */
final class PartBuilder {
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

    private final WriteEnvironment environment;
    private final Extent extent;
    private final boolean inStore;

    private PartBuilder(WriteEnvironment environment, Extent extent, boolean inStore) {
        this.environment = environment;
        this.extent = extent;
        this.inStore = inStore;
    }

    /** Opens a part of {@code capacityBytes}, index included; the task holds no memory of {@link #scratch} then. */
    static PartBuilder open(WriteEnvironment environment, long capacityBytes) throws IOException {
        Optional<Extent> memory = environment.store().tryAllocateMemory(capacityBytes);
        return memory.isPresent()
                ? new PartBuilder(environment, memory.get(), true)
                : new PartBuilder(environment, scratch(environment, capacityBytes), false);
    }

    /** Opens a part of at most {@code capacityBytes}, and of less if private memory is short: it waits for no other task. */
    static PartBuilder openAtMost(WriteEnvironment environment, long capacityBytes) throws IOException {
        Optional<Extent> memory = environment.store().tryAllocateMemory(capacityBytes);
        if (memory.isPresent()) {
            return new PartBuilder(environment, memory.get(), true);
        }
        Optional<Extent> whole = environment.scratch().tryAllocate(capacityBytes);
        return new PartBuilder(
                environment,
                whole.isPresent() ? whole.get() : scratch(environment, Math.min(capacityBytes, RegionPool.LEAST_BYTES)),
                false);
    }

    /**
     * Returns private memory, counted once for the caller; waits for it if other tasks hold it. A task that holds some asks for no
     * more than {@link RegionPool#LEAST_BYTES}.
     */
    static Extent scratch(WriteEnvironment environment, long bytes) throws IOException {
        return environment.scratch().allocate(bytes, LONGEST_WAIT);
    }

    /** Returns the memory to fill: blocks at its start, their index behind them. */
    Extent extent() {
        return extent;
    }

    /** Views the index of a part with these blocks. */
    BlockIndex index(long dataBytes, int entries) {
        return new BlockIndex(extent.slice(BlockIndex.startFor(dataBytes), BlockIndex.sizeBytes(entries)), entries);
    }

    /** Computes the checksum of every block, where checksums are wanted. */
    void addChecksums(BlockIndex index) {
        if (environment.checksum()) {
            CRC32C crc = new CRC32C();
            for (int i = 0; i < index.count(); i++) {
                crc.reset();
                update(crc, index.start(i), index.length(i));
                index.setChecksum(i, (int) crc.getValue());
            }
        }
    }

    private void update(CRC32C crc, long start, long length) {
        long at = start;
        long left = length;
        while (left > 0) {
            int step = (int) Math.min(left, HostRegion.MAX_SLICE_BYTES);
            crc.update(extent.slice(at, step));
            at += step;
            left -= step;
        }
    }

    /** Makes a part of what was filled in. The builder is used up, also when this fails. */
    Part seal(long dataBytes, int entries) throws IOException {
        long totalBytes = BlockIndex.startFor(dataBytes) + BlockIndex.sizeBytes(entries);
        if (inStore) {
            extent.shrink(totalBytes);
            environment.counters().toMemory(dataBytes);
            return new Part(extent, dataBytes, entries);
        }
        try {
            Extent file = environment.store().storeOnDisk(totalBytes, empty -> copyTo(empty, totalBytes));
            environment.counters().toDisk(dataBytes);
            return new Part(file, dataBytes, entries);
        } finally {
            extent.release();
        }
    }

    private void copyTo(Extent file, long totalBytes) throws IOException {
        for (long at = 0; at < totalBytes; ) {
            ByteBuffer piece = extent.slice(at, (int) Math.min(totalBytes - at, HostRegion.MAX_SLICE_BYTES));
            int length = piece.remaining();
            file.write(at, piece);
            at += length;
        }
    }

    /** Gives the memory back. */
    void abort() {
        extent.release();
    }
}
