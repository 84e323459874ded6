// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import java.util.Arrays;

/**
 * How a vector is cut into one block for each rank, in the order of ranks, without gaps. Immutable; made once and used again.
 */
public final class Blocks {
    private final long[] starts;

    private Blocks(long[] starts) {
        this.starts = starts;
    }

    /** Cuts into {@code size} blocks of the same count. */
    public static Blocks even(int size, long count) {
        long[] counts = new long[size];
        Arrays.fill(counts, count);
        return of(counts);
    }

    /**
     * Cuts into blocks of these counts.
     *
     * @throws IllegalArgumentException when a count is negative
     * @throws ArithmeticException when their sum is beyond a {@code long}
     */
    public static Blocks of(long... counts) {
        long[] starts = new long[counts.length + 1];
        for (int i = 0; i < counts.length; i++) {
            if (counts[i] < 0) {
                throw new IllegalArgumentException("block=" + i + " has count=" + counts[i] + ", least is 0");
            }
            starts[i + 1] = Math.addExact(starts[i], counts[i]);
        }
        return new Blocks(starts);
    }

    /** Returns the number of blocks, which is the number of ranks. */
    public int size() {
        return starts.length - 1;
    }

    /** Returns the first element of a rank's block. */
    public long start(int rank) {
        return starts[rank];
    }

    /** Returns the number of elements of a rank's block. */
    public long count(int rank) {
        return starts[rank + 1] - starts[rank];
    }

    /** Returns the number of elements of all blocks. */
    public long total() {
        return starts[starts.length - 1];
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Blocks blocks && Arrays.equals(starts, blocks.starts);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(starts);
    }

    @Override
    public String toString() {
        return "Blocks" + Arrays.toString(starts);
    }
}
