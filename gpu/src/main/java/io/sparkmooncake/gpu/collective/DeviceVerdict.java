// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.CollectiveException.Code;

/**
 * Why kernels gave up, as they write it into every rank's control region.
 *
 * @param code of the failure
 * @param rank that was missed, that differs, or that gave up
 * @param phase of the call: 0 arriving, 1 in between, 65535 leaving, others are turns
 * @param sequence of the call
 */
record DeviceVerdict(Code code, int rank, int phase, long sequence) {
    private static final int TIMED_OUT = 1;
    private static final int DESYNC = 2;
    private static final int ABORTED = 3;
    private static final int CODE_SHIFT = 60;
    private static final int RANK_SHIFT = 48;
    private static final int PHASE_SHIFT = 32;
    private static final int DEPART = 0xffff;

    static DeviceVerdict of(long word) {
        Code code = switch ((int) (word >>> CODE_SHIFT)) {
            case TIMED_OUT -> Code.TIMED_OUT;
            case DESYNC -> Code.DESYNC;
            default -> Code.ABORTED;
        };
        return new DeviceVerdict(
                code, (int) (word >>> RANK_SHIFT) & 0xfff, (int) (word >>> PHASE_SHIFT) & 0xffff, word & 0xffffffffL);
    }

    /** Returns the word of a rank that gives up. */
    static long aborted(int rank, long sequence) {
        return (long) ABORTED << CODE_SHIFT | (long) rank << RANK_SHIFT | (sequence & 0xffffffffL);
    }

    /** Returns what happened, for an error. */
    String describe(String peer, long limitMillis) {
        String where = switch (phase) {
            case 0 -> "on arrival";
            case DEPART -> "on leaving";
            default -> "in phase=" + phase;
        };
        return switch (code) {
            case TIMED_OUT ->
                "rank " + rank + " (" + peer + ") was missed " + where + " of device call #" + sequence
                        + " within limit=" + limitMillis + " ms; see whether its process runs and calls the same";
            case DESYNC ->
                "rank " + rank + " (" + peer + ") calls something else at device call #" + sequence
                        + "; all ranks call the same operations in the same order";
            default -> "rank " + rank + " (" + peer + ") gave up at device call #" + sequence;
        };
    }
}
