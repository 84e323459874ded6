// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A region of this host: memory that the CPU addresses, or a file that is read through {@link #readFully} only, see
 * {@link #isAddressable}.
 */
public interface HostRegion extends MemoryRegion {
    /** Longest slice that is always contiguous: 1 GiB. */
    int MAX_SLICE_BYTES = 1 << 30;

    /** Returns whether the CPU addresses the bytes; if not, {@link #slice} and {@link #address} are refused. */
    default boolean isAddressable() {
        return true;
    }

    /**
     * Fills {@code target} with the bytes from {@code offset} on. Reading a file may wait for a disk, so event loops leave that to
     * other threads; it does not end when the thread is interrupted, and it fails when the owner revoked the file meanwhile.
     */
    default void readFully(long offset, ByteBuffer target) throws IOException {
        while (target.hasRemaining()) {
            ByteBuffer piece = slice(offset, Math.min(target.remaining(), MAX_SLICE_BYTES));
            offset += piece.remaining();
            target.put(piece);
        }
    }

    /**
     * Returns a direct view of {@code [offset, offset + length)}, native byte order, position 0, limit {@code length}. The view
     * does not count: the caller holds a count for as long as it uses it.
     *
     * @param length at most {@link #MAX_SLICE_BYTES}
     */
    ByteBuffer slice(long offset, int length);

    /**
     * Returns the native address of {@code offset}, for copies that a buffer's bounds checks would slow down. Contiguous up to
     * the next {@link #MAX_SLICE_BYTES} bytes or the end of the region, whichever is nearer. It does not count.
     */
    long address(long offset);
}
