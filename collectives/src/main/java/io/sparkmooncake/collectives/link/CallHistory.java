// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.collectives.fabric.Call;

/**
 * The latest calls of a rank, for errors: ranks that differ compare the calls of one number, which may be over on one of them.
 * Threading: safe from any thread.
 */
final class CallHistory {
    private static final int CALLS = 64;
    private static final int WORDS = 4;

    @GuardedBy("this")
    private final long[] words = new long[CALLS * WORDS];

    synchronized void add(long sequence, long signature, long count, long shape) {
        int at = (int) (sequence % CALLS) * WORDS;
        words[at] = sequence;
        words[at + 1] = signature;
        words[at + 2] = count;
        words[at + 3] = shape;
    }

    /** Describes a call; empty when it is forgotten, or has not been. */
    synchronized String describe(long sequence) {
        int at = (int) (sequence % CALLS) * WORDS;
        return sequence > 0 && words[at] == sequence
                ? Call.describe(sequence, words[at + 1], words[at + 2], words[at + 3])
                : "";
    }
}
