// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.store.BlockIndex;
import io.sparkmooncake.shuffle.store.Part;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * One part in shareable memory while records are scattered into it. The builder owns the memory until it is sealed or aborted.
 */
final class PartBuilder {
    private final WriteEnvironment environment;
    private final Extent extent;

    private PartBuilder(WriteEnvironment environment, Extent extent) {
        this.environment = environment;
        this.extent = extent;
    }

    /** Opens a part of at most {@code capacityBytes}, index included; empty when the limit of shareable memory is reached. */
    static Optional<PartBuilder> open(WriteEnvironment environment, long capacityBytes) throws IOException {
        return environment.store().tryAllocateMemory(capacityBytes).map(extent -> new PartBuilder(environment, extent));
    }

    /** Returns the memory to fill: blocks at its start, their index behind them. */
    Extent extent() {
        return extent;
    }

    /** Views the index of a part with these blocks. */
    BlockIndex index(long dataBytes, int entries) {
        return new BlockIndex(extent.slice(BlockIndex.startFor(dataBytes), BlockIndex.sizeBytes(entries)), entries);
    }

    /** Computes the checksum of every block if checksums are wanted. */
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

    /** Makes a part of what was filled in. The builder is used up. */
    Part seal(long dataBytes, int entries) {
        extent.shrink(Part.totalBytes(dataBytes, entries));
        environment.counters().toMemory(dataBytes);
        return new Part(extent, dataBytes, entries);
    }

    /** Gives the memory back. */
    void abort() {
        extent.release();
    }
}
