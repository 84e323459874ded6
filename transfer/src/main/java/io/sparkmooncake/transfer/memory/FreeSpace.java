// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.util.Comparator;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Free stretches of one region: best fit, lowest first, neighbours joined. Every operation is O(log n).
 *
 * <p>Threading: guarded by its pool.
 */
final class FreeSpace {
    /** What offsets and sizes are multiples of, at least. */
    static final long ALIGNMENT_BYTES = 64;

    private final TreeMap<Long, Long> lengthByOffset = new TreeMap<>();
    private final NavigableSet<Stretch> bySize =
            new TreeSet<>(Comparator.comparingLong(Stretch::length).thenComparingLong(Stretch::offset));
    private final long sizeBytes;
    private long freeBytes;

    private record Stretch(long offset, long length) {}

    FreeSpace(long sizeBytes) {
        this.sizeBytes = sizeBytes;
        add(0, sizeBytes);
    }

    /** Takes {@code length} bytes and returns where they are; −1 when no stretch is long enough. */
    long take(long length) {
        @Nullable Stretch best = bySize.ceiling(new Stretch(-1, length));
        if (best == null) {
            return -1;
        }
        remove(best.offset, best.length);
        if (best.length > length) {
            add(best.offset + length, best.length - length);
        }
        return best.offset;
    }

    void giveBack(long offset, long length) {
        long start = offset;
        long end = offset + length;
        Map.Entry<Long, Long> before = lengthByOffset.lowerEntry(offset);
        if (before != null && before.getKey() + before.getValue() == offset) {
            start = before.getKey();
            remove(before.getKey(), before.getValue());
        }
        Long after = lengthByOffset.get(end);
        if (after != null) {
            remove(end, after);
            end += after;
        }
        add(start, end - start);
    }

    boolean isAllFree() {
        return freeBytes == sizeBytes;
    }

    private void add(long offset, long length) {
        lengthByOffset.put(offset, length);
        bySize.add(new Stretch(offset, length));
        freeBytes += length;
    }

    private void remove(long offset, long length) {
        lengthByOffset.remove(offset);
        bySize.remove(new Stretch(offset, length));
        freeBytes -= length;
    }
}
