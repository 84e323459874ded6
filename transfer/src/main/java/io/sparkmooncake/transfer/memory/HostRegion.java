// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.nio.ByteBuffer;

/** A region that the CPU addresses. */
public interface HostRegion extends MemoryRegion {
    /** Longest slice that is always contiguous: 1 GiB. */
    int MAX_SLICE_BYTES = 1 << 30;

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
