// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import java.nio.ByteBuffer;

/**
 * The memory of a lane: what one rank writes to another one. The receiver's is a region that is registered; the sender keeps the
 * same layout as the source of its WRITEs. Native byte order: hosts of one application have one.
 *
 * <pre>
 *     0  standing: i64 epoch | i64 credit | i64 left | i64 call | i64 signature | i64 count | i64 shape | i64 seal
 *   256  proof: i64 epoch | i64 number | i64 seal
 *   512  where the sender reads a proof back into                                                      sender's memory only
 *  4096  slot 0 .. slots − 1, each a head of 64 bytes and a payload; message n lies in slot n mod slots
 *
 *  head: i64 epoch | i64 sequence | i64 call | i64 signature | i64 count | i64 shape | i32 payload bytes | i32 tag | i64 seal
 * </pre>
 *
 * <p>Credit is the number of the other rank's messages that were taken, left 1 + the number of messages sent before. A message is one
 * WRITE of two requests, payload and then head, and the engine lands the requests of a WRITE in their order; it promises nothing about
 * the bytes within one. So head and standing carry a seal that is a hash of all their words, and count only when it matches: a reader
 * that meets a half-landed one waits for the rest. Whoever sees a sealed head sees the payload.
 *
 * @param slots number of slots, a power of two
 * @param slotBytes largest payload
 */
record LaneLayout(int slots, int slotBytes) {
    static final int EPOCH_AT = 0;
    static final int CREDIT_AT = 8;
    static final int LEFT_AT = 16;
    static final int CALL_AT = 24;
    static final int STANDING_SEAL_AT = 56;
    static final int STANDING_BYTES = 64;
    static final int PROOF_AT = 256;
    static final int PROOF_SEAL_AT = PROOF_AT + 16;
    static final int PROOF_BYTES = 24;
    static final int READ_BACK_AT = 512;
    static final int SLOTS_AT = 4096;

    static final int SEQUENCE_AT = 8;
    static final int HEAD_CALL_AT = 16;
    static final int PAYLOAD_BYTES_AT = 48;
    static final int TAG_AT = 52;
    static final int HEAD_SEAL_AT = 56;
    static final int HEAD_BYTES = 64;

    private static final int LONG_BYTES = 8;
    private static final long PRIME = 0x9e3779b97f4a7c15L;

    int slotAt(long sequence) {
        return SLOTS_AT + slot(sequence) * (HEAD_BYTES + slotBytes);
    }

    int slot(long sequence) {
        return (int) (sequence & (slots - 1));
    }

    long sizeBytes() {
        return SLOTS_AT + (long) slots * (HEAD_BYTES + slotBytes);
    }

    /** Returns the seal of the words in {@code [from, to)}; that of zeroed memory is not zero. */
    static long seal(ByteBuffer words, int from, int to) {
        long hash = PRIME;
        for (int at = from; at < to; at += LONG_BYTES) {
            hash = (hash ^ words.getLong(at)) * PRIME;
            hash ^= hash >>> 29;
        }
        return hash;
    }
}
