// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A contiguous stretch of a map output: blocks in partition order, then their {@link BlockIndex}. A map output that did not
 * fit into the write buffer at once has several parts; a reader takes a partition's blocks from every part, in order.
 *
 * <p>Of a part in a file the index is read once, and kept on the heap (12 bytes a block) unless its blocks are very short.
 *
 * <p>The part owns one count on its extent until {@link #free}.
 */
public final class Part {
    /** An index of a file stays on the heap if it has at most this size, or this share of the blocks; others are read each time. */
    private static final int SMALL_INDEX_BYTES = 1 << 10;

    private static final int INDEX_SHARE = 1 << 10;

    private final Extent extent;
    private final long dataBytes;
    private final int entries;
    private volatile @Nullable BlockIndex known;

    /**
     * Takes over the caller's count on the extent.
     *
     * @param dataBytes bytes of blocks at the extent's start
     * @param entries entries of the index behind them
     */
    public Part(Extent extent, long dataBytes, int entries) {
        this(extent, dataBytes, entries, extent.region().isAddressable() ? view(extent, dataBytes, entries) : null);
    }

    private Part(Extent extent, long dataBytes, int entries, @Nullable BlockIndex known) {
        this.extent = extent;
        this.dataBytes = dataBytes;
        this.entries = entries;
        this.known = known;
    }

    private static BlockIndex view(Extent extent, long dataBytes, int entries) {
        return new BlockIndex(extent.slice(BlockIndex.startFor(dataBytes), BlockIndex.sizeBytes(entries)), entries);
    }

    /** Returns the index of the blocks, which is read from the part's file unless {@link #hasIndexInMemory}. */
    public BlockIndex index() throws IOException {
        BlockIndex inMemory = known;
        return inMemory == null ? readIndex() : inMemory;
    }

    private BlockIndex readIndex() throws IOException {
        ByteBuffer words = ByteBuffer.allocate(BlockIndex.sizeBytes(entries));
        extent.read(BlockIndex.startFor(dataBytes), words);
        BlockIndex index = new BlockIndex(words.flip(), entries);
        if (words.capacity() <= Math.max(SMALL_INDEX_BYTES, dataBytes / INDEX_SHARE)) {
            known = index;
        }
        return index;
    }

    /** Returns whether {@link #index} does not wait for a disk. */
    boolean hasIndexInMemory() {
        return known != null;
    }

    /** Returns the number of entries of the index. */
    int entries() {
        return entries;
    }

    /** Returns where the blocks lie. */
    public Extent extent() {
        return extent;
    }

    /** Returns the bytes of all blocks. */
    public long dataBytes() {
        return dataBytes;
    }

    /** Returns the bytes of blocks, padding and index. */
    long totalBytes() {
        return totalBytes(dataBytes, entries);
    }

    /** Returns the bytes that a part takes. */
    public static long totalBytes(long dataBytes, int entries) {
        return BlockIndex.startFor(dataBytes) + BlockIndex.sizeBytes(entries);
    }

    /** Adds an owner, for the part that is returned; the caller is one, too. */
    Part retained() {
        extent.retain();
        return new Part(extent, dataBytes, entries, known);
    }

    /** Removes an owner of the memory; the last one gives it back. */
    void free() {
        extent.release();
    }
}
