// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

/**
 * The words of a launch, in the order of {@code Call} of {@code call.cuh}, and what lies where in a control region.
 *
 * <pre>
 *         0  verdict: code &lt;&lt; 60 | rank missed &lt;&lt; 48 | phase &lt;&lt; 32 | sequence
 *      4096  arrivals of two calls
 *     65536  phases of blocks
 *   1048576  lines [2][ranks][LINE_WORDS] of 16 bytes
 * </pre>
 */
final class CallLayout {
    static final int RANK = 0;
    static final int SIZE = 1;
    static final int TICKET = 2;
    static final int LIMIT_NANOS = 3;
    static final int SIGNATURE = 4;
    static final int COUNT = 5;
    static final int REDUCTION = 6;
    static final int ROOT = 7;
    static final int SOURCE = 8;
    static final int TARGET = 9;
    static final int BASES = 10;
    static final int SLOTS = 11;
    static final int CONTROL = 12;
    static final int REPORT = 13;
    static final int VARIANT = 14;
    static final int LINE_WORDS = 15;
    static final int CHUNK = 16;
    static final int OWN_SOURCE = 17;
    static final int OWN_TARGET = 18;
    static final int NEAR = 19;
    static final int NEAR_RANKS = 8;
    static final int BLOCKS = NEAR + NEAR_RANKS;
    static final int WORDS = BLOCKS + 1;

    /** Most ranks of one group, and most slots times ranks, that kernels keep in shared memory. */
    static final int MAX_RANKS = 128;

    static final int MAX_BASES = 1024;

    /** Lines for 1 MiB of one rank. */
    static final long LINES_PER_RANK = 131072;

    private static final long LINES_OFFSET = 1048576;
    private static final int LINE_BYTES = 16;
    private static final int SLOT_SHIFT = 48;
    private static final int EPOCH_SHIFT = 48;
    private static final int SEQUENCE_SHIFT = 16;

    private CallLayout() {}

    static long controlBytes(int ranks) {
        return LINES_OFFSET + 2L * ranks * LINES_PER_RANK * LINE_BYTES;
    }

    /** Returns where memory is, as all ranks understand it. */
    static long place(int slot, long offset) {
        return (long) slot << SLOT_SHIFT | offset;
    }

    static int slot(long place) {
        return (int) (place >>> SLOT_SHIFT);
    }

    static long offset(long place) {
        return place & (1L << SLOT_SHIFT) - 1;
    }

    static long ticket(long epoch, long sequence) {
        return epoch << EPOCH_SHIFT | (sequence & 0xffffffffL) << SEQUENCE_SHIFT;
    }
}
