// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.testing;

import io.sparkmooncake.transfer.memory.HostRegion;
import java.nio.ByteBuffer;

/** Content in which every byte depends on a seed and on its offset, so that a byte out of place is seen. */
public final class Pattern {
    private static final int STEP_BYTES = 1 << 24;

    private Pattern() {}

    /** Returns the byte of pattern {@code seed} at {@code offset}. */
    public static byte at(long seed, long offset) {
        return (byte) (word(seed, offset >>> 3) >>> ((offset & 7) << 3));
    }

    /** Writes {@code [offset, offset + length)} of pattern {@code seed} to the same place of the region. */
    public static void fill(HostRegion region, long offset, long length, long seed) {
        for (long done = 0; done < length; ) {
            int step = (int) Math.min(STEP_BYTES, length - done);
            ByteBuffer view = region.slice(offset + done, step);
            int i = 0;
            while (i < step) {
                long at = offset + done + i;
                if ((at & 7) == 0 && step - i >= 8) {
                    view.putLong(i, word(seed, at >>> 3));
                    i += 8;
                } else {
                    view.put(i, at(seed, at));
                    i++;
                }
            }
            done += step;
        }
    }

    /**
     * Compares {@code [offset, offset + length)} of the region with pattern {@code seed} from {@code patternOffset} on.
     *
     * @return the first offset into the compared bytes that differs, or −1
     */
    public static long mismatch(HostRegion region, long offset, long length, long seed, long patternOffset) {
        for (long done = 0; done < length; ) {
            int step = (int) Math.min(STEP_BYTES, length - done);
            ByteBuffer view = region.slice(offset + done, step);
            int i = 0;
            while (i < step) {
                long at = patternOffset + done + i;
                if ((at & 7) == 0 && step - i >= 8) {
                    if (view.getLong(i) == word(seed, at >>> 3)) {
                        i += 8;
                        continue;
                    }
                }
                if (view.get(i) != at(seed, at)) {
                    return done + i;
                }
                i++;
            }
            done += step;
        }
        return -1;
    }

    /** Little-endian on every machine that this runs on, as {@link #at} assumes. */
    private static long word(long seed, long index) {
        long mixed = (seed * 0x9E3779B97F4A7C15L + index) * 0xBF58476D1CE4E5B9L;
        return mixed ^ (mixed >>> 29);
    }
}
