// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * How a vector is cut into one block for each rank, in the order of ranks, without gaps. Immutable; made once and used again.
 */
public final class Blocks {
    private static final long PRIME = 0x100000001b3L;
    private static final int MAX_SHOWN = 16;

    private final int size;
    private final long each;
    private final long @Nullable [] starts;
    private final long shape;

    private Blocks(int size, long each, long @Nullable [] starts) {
        this.size = size;
        this.each = each;
        this.starts = starts;
        this.shape = starts == null ? 0 : hash(starts);
    }

    /**
     * Cuts into {@code size} blocks of the same count.
     *
     * @throws IllegalArgumentException when the count is negative
     * @throws ArithmeticException when their sum is beyond a {@code long}
     */
    public static Blocks even(int size, long count) {
        if (size < 0 || count < 0) {
            throw new IllegalArgumentException("size=" + size + " blocks of count=" + count + ", least is 0");
        }
        long unused = Math.multiplyExact(size, count);
        return new Blocks(size, count, null);
    }

    /**
     * Cuts into blocks of these counts.
     *
     * @throws IllegalArgumentException when a count is negative
     * @throws ArithmeticException when their sum is beyond a {@code long}
     */
    public static Blocks of(long... counts) {
        long[] starts = new long[counts.length + 1];
        boolean even = true;
        for (int i = 0; i < counts.length; i++) {
            if (counts[i] < 0) {
                throw new IllegalArgumentException("block=" + i + " has count=" + counts[i] + ", least is 0");
            }
            even &= counts[i] == counts[0];
            starts[i + 1] = Math.addExact(starts[i], counts[i]);
        }
        long each = counts.length == 0 ? 0 : counts[0];
        return new Blocks(counts.length, each, even ? null : starts);
    }

    private static long hash(long[] starts) {
        long hash = 0xcbf29ce484222325L;
        for (long start : starts) {
            hash = (hash ^ start) * PRIME;
            hash ^= hash >>> 29;
        }
        return hash == 0 ? 1 : hash;
    }

    /** Returns the number of blocks, which is the number of ranks. */
    public int size() {
        return size;
    }

    /** Returns the first element of a rank's block. */
    public long start(int rank) {
        return starts == null ? each * rank : starts[rank];
    }

    /** Returns the number of elements of a rank's block. */
    public long count(int rank) {
        return starts == null ? each : starts[rank + 1] - starts[rank];
    }

    /** Returns the number of elements of all blocks. */
    public long total() {
        return start(size);
    }

    /** Returns the number of elements of the longest block. */
    public long longest() {
        long longest = 0;
        for (int rank = 0; rank < size; rank++) {
            longest = Math.max(longest, count(rank));
        }
        return longest;
    }

    /** Returns a hash by which ranks compare their blocks: 0 where all have the same count. */
    public long shape() {
        return shape;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Blocks blocks
                && size == blocks.size
                && (size == 0 || each == blocks.each || starts != null)
                && Arrays.equals(starts, blocks.starts);
    }

    @Override
    public int hashCode() {
        return starts == null ? 31 * size + Long.hashCode(each) : Arrays.hashCode(starts);
    }

    /** Returns the counts: {@code [3, 4, 3]}, {@code 4 x 1024} where they are the same. */
    @Override
    public String toString() {
        if (starts == null) {
            return size + " x " + each;
        }
        StringBuilder text = new StringBuilder("[");
        for (int rank = 0; rank < Math.min(size, MAX_SHOWN); rank++) {
            text.append(rank == 0 ? "" : ", ").append(count(rank));
        }
        return text.append(size > MAX_SHOWN ? ", ...]" : "]").toString();
    }
}
