// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.memory;

import java.util.Map;
import java.util.TreeMap;

/** What is free of one region: stretches by their offset, never two that touch. Threading: the caller's lock. */
final class FreeStretches {
    private final TreeMap<Long, Long> lengths = new TreeMap<>();
    private long freeBytes;

    FreeStretches(long sizeBytes) {
        lengths.put(0L, sizeBytes);
        freeBytes = sizeBytes;
    }

    long freeBytes() {
        return freeBytes;
    }

    long longest() {
        return lengths.values().stream().mapToLong(Long::longValue).max().orElse(0);
    }

    /** Takes the first place of this alignment that is long enough; −1 where there is none. */
    long take(long bytes, long alignment) {
        Map.Entry<Long, Long> found = null;
        for (Map.Entry<Long, Long> stretch : lengths.entrySet()) {
            if (aligned(stretch.getKey(), alignment) + bytes <= stretch.getKey() + stretch.getValue()) {
                found = stretch;
                break;
            }
        }
        if (found == null) {
            return -1;
        }
        long begin = found.getKey();
        long end = begin + found.getValue();
        long offset = aligned(begin, alignment);
        lengths.remove(begin);
        if (offset > begin) {
            lengths.put(begin, offset - begin);
        }
        if (offset + bytes < end) {
            lengths.put(offset + bytes, end - offset - bytes);
        }
        freeBytes -= bytes;
        return offset;
    }

    private static long aligned(long offset, long alignment) {
        return (offset + alignment - 1) / alignment * alignment;
    }

    /** Gives a stretch back, and joins it with what is free beside it. */
    void give(long offset, long bytes) {
        long begin = offset;
        long length = bytes;
        Map.Entry<Long, Long> before = lengths.lowerEntry(offset);
        if (before != null && before.getKey() + before.getValue() == offset) {
            begin = before.getKey();
            length += before.getValue();
        }
        Long after = lengths.remove(offset + bytes);
        if (after != null) {
            length += after;
        }
        lengths.put(begin, length);
        freeBytes += bytes;
    }
}
