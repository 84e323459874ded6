// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.kernel;

import io.sparkmooncake.gpu.kernel.Way.Method;

/**
 * The ways that were fastest on H200s with 2 and 4 ranks, by operation and size; other numbers of ranks take those of 4. Bytes are of
 * the vector for all-reduce and broadcast, else of all blocks of a rank. Threading: stateless.
 */
public final class WayChoice {
    private static final long KIB = 1024;
    private static final long MIB = KIB * KIB;
    private static final int LINES_BLOCK = 256;
    private static final int LINES_GRID = 264;
    private static final int WORD_BYTES = 8;
    private static final int VECTOR_BYTES = 16;

    private WayChoice() {}

    /** Returns the way of an all-reduce. */
    public static Way allReduce(long bytes, int ranks) {
        boolean pair = ranks == 2;
        if (bytes <= (pair ? 512 : 256) * KIB) {
            return lines(0, bytes);
        }
        if (bytes < 4 * MIB) {
            return direct(pair ? 64 : 16);
        }
        if (bytes <= (pair ? 16 : 8) * MIB) {
            return direct(bytes < 8 * MIB ? 32 : 132);
        }
        if (bytes < 256 * MIB) {
            return new Way(Method.STAGED, 0, pair || bytes >= 64 * MIB ? 264 : 132, 256, pair ? 2048 : 1024);
        }
        return pair || bytes % ((long) ranks * VECTOR_BYTES) != 0
                ? new Way(Method.STAGED, 0, 264, 256, 2048)
                : new Way(Method.ENGINES, 3, 264, 256, 1024);
    }

    /** Returns the way of a reduce-scatter. */
    public static Way reduceScatter(long bytes, int ranks) {
        boolean pair = ranks == 2;
        if (bytes <= MIB) {
            return lines(0, bytes / ranks);
        }
        if (bytes <= 64 * MIB) {
            return direct(pair && bytes > 4 * MIB ? 132 : 32);
        }
        return new Way(Method.STAGED, 0, pair ? 396 : 264, 256, 2048);
    }

    /** Returns the way of a broadcast. */
    public static Way broadcast(long bytes, int ranks) {
        boolean pair = ranks == 2;
        if (bytes <= MIB) {
            return lines(!pair && bytes >= 128 * KIB ? 1 : 0, bytes);
        }
        if (pair) {
            return direct(bytes < 256 * MIB ? 64 : 132);
        }
        if (bytes <= 8 * MIB) {
            return new Way(Method.DIRECT, 1, 132, 256, 256);
        }
        return new Way(Method.DIRECT, 1, bytes < 256 * MIB ? 64 : 132, 512, bytes < 256 * MIB ? 512 : 256);
    }

    /** Returns the way of an all-gather or an all-to-all. */
    public static Way exchange(long bytes, int ranks) {
        if (bytes <= MIB) {
            return lines(0, bytes / ranks);
        }
        return bytes < 256 * MIB ? direct(132) : new Way(Method.ENGINES, 3, 132, 256, 0);
    }

    private static Way direct(int grid) {
        return new Way(Method.DIRECT, 0, grid, 512, 0);
    }

    /** One word for each thread. */
    private static Way lines(int variant, long bytes) {
        long words = Math.max(1, (bytes + WORD_BYTES - 1) / WORD_BYTES);
        int block = words <= LINES_BLOCK * LINES_GRID ? LINES_BLOCK : 2 * LINES_BLOCK;
        int grid = (int) Math.min(Way.MAX_GRID, (words + block - 1) / block);
        return new Way(Method.LINES, variant, grid, block, 0);
    }
}
