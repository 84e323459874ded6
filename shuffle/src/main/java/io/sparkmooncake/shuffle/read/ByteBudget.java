// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

/**
 * Bytes that a task may have under way or arrived but not decoded. A task that has none is always admitted, however large its
 * group is.
 *
 * <p>Threading: guarded by the fetch that owns it.
 */
final class ByteBudget {
    private final long limitBytes;
    private long usedBytes;

    ByteBudget(long limitBytes) {
        this.limitBytes = limitBytes;
    }

    boolean admits(long bytes) {
        return usedBytes == 0 || usedBytes + bytes <= limitBytes;
    }

    /** Returns how large a group should be, so that several are under way at once. */
    long groupBytes() {
        return Math.max(1, limitBytes / 5);
    }

    void take(long bytes) {
        usedBytes += bytes;
    }

    void giveBack(long bytes) {
        usedBytes -= bytes;
    }
}
