// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

/**
 * Where the words of a segment are. Native byte order: all who map it run on one host. Words that different ranks wait for are
 * 128 bytes apart, so that neither shares a cache line, nor a pair of lines that is fetched together, with another.
 *
 * <pre>
 *     0  i64 magic | i32 version | i32 rank | i64 epoch | i32 size | i32 window bytes     written before the record is published
 *   128  i64 phase            steps that the owner has arrived at                         owner
 *   256  i64 state            0 member, 1 left                                            owner
 *   384  call 0: i64 sequence | i64 signature | i64 count | i64 shape                     owner, calls of even sequence
 *   512  call 1                                                                           owner, calls of odd sequence
 *   640  i64 verdict          0 none, 1 + rank while that rank writes it, −1 written      rank 0's segment only: the first
 *   648  i32 length | text
 *  4096  window 0             for even turns              owner; in a turn, whoever alone reads a stretch
 *        window 1             for odd turns
 *        mailbox for each rank, from a multiple of 128 on:
 *     0    i64 published      bytes that the owner has put into the ring for that rank    owner
 *    64    i64 consumed       bytes that the owner has taken out of that rank's ring      owner
 *    72    i64 granted        long messages of that rank that the owner has asked for     owner
 *   128    ring               what the owner sends to that rank                           owner
 * </pre>
 */
final class SegmentLayout {
    static final long MAGIC = 0x314c4c4f434e4f4dL;
    static final int VERSION = 3;

    static final int MAGIC_AT = 0;
    static final int VERSION_AT = 8;
    static final int RANK_AT = 12;
    static final int EPOCH_AT = 16;
    static final int SIZE_AT = 24;
    static final int WINDOW_BYTES_AT = 28;
    static final int PHASE_AT = 128;
    static final int STATE_AT = 256;
    static final int CALLS_AT = 384;
    static final int CALL_STRIDE_BYTES = 128;
    static final int SIGNATURE_OFFSET = 8;
    static final int COUNT_OFFSET = 16;
    static final int SHAPE_OFFSET = 24;
    static final int VERDICT_AT = 640;
    static final long VERDICT_WRITTEN = -1;
    static final int TEXT_LENGTH_AT = 648;
    static final int TEXT_AT = 652;
    static final int WORDS_BYTES = 4096;
    static final int MAX_TEXT_BYTES = WORDS_BYTES - TEXT_AT;

    static final int PUBLISHED_OFFSET = 0;
    static final int CONSUMED_OFFSET = 64;
    static final int GRANTED_OFFSET = 72;
    static final int RING_OFFSET = 128;
    static final int MIN_RING_BYTES = 256;
    static final int MAX_RING_BYTES = 256 << 10;

    private SegmentLayout() {}

    static int callAt(long sequence) {
        return CALLS_AT + CALL_STRIDE_BYTES * (int) (sequence & 1);
    }

    static int windowAt(int parity, int windowBytes) {
        return WORDS_BYTES + parity * windowBytes;
    }

    /** Returns the bytes of one ring, a power of two: about a window for all rings of a rank. */
    static int ringBytes(int windowBytes, int size) {
        int share = Integer.highestOneBit(windowBytes / size);
        return Math.max(MIN_RING_BYTES, Math.min(MAX_RING_BYTES, share));
    }

    static long mailboxAt(int rank, int windowBytes, int size) {
        long first = WORDS_BYTES + 2L * windowBytes + RING_OFFSET - 1 & -RING_OFFSET;
        return first + (long) rank * (RING_OFFSET + ringBytes(windowBytes, size));
    }

    static long sizeBytes(int windowBytes, int size) {
        return mailboxAt(size, windowBytes, size);
    }
}
