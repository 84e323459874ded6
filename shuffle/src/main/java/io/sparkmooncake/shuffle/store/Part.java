// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;

/**
 * A contiguous stretch of a map output: blocks in partition order, then their {@link BlockIndex}. A map output that did not
 * fit into the write buffer at once has several parts; a reader takes a partition's blocks from every part, in order.
 *
 * <p>The part owns one count on its extent until {@link #free}.
 */
public final class Part {
    private final Extent extent;
    private final BlockIndex index;

    /**
     * Takes over the caller's count on the extent.
     *
     * @param dataBytes bytes of blocks at the extent's start
     * @param entries entries of the index behind them
     */
    public Part(Extent extent, long dataBytes, int entries) {
        this.extent = extent;
        this.index =
                new BlockIndex(extent.slice(BlockIndex.startFor(dataBytes), BlockIndex.sizeBytes(entries)), entries);
    }

    /** Returns the index of the blocks. */
    public BlockIndex index() {
        return index;
    }

    /** Returns where the blocks lie. */
    public Extent extent() {
        return extent;
    }

    /** Returns the bytes of all blocks. */
    public long dataBytes() {
        return index.start(index.count());
    }

    /** Returns the bytes of blocks, padding and index. */
    long totalBytes() {
        return totalBytes(dataBytes(), index.count());
    }

    /** Returns the bytes that a part takes. */
    public static long totalBytes(long dataBytes, int entries) {
        return BlockIndex.startFor(dataBytes) + BlockIndex.sizeBytes(entries);
    }

    /** Adds an owner, for the part that is returned; the caller is one, too. */
    Part retained() {
        extent.retain();
        return new Part(extent, dataBytes(), index.count());
    }

    /** Removes an owner of the memory; the last one gives it back. */
    void free() {
        extent.release();
    }
}
