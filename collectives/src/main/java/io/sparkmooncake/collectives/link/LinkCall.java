// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.fabric.Call;
import java.nio.ByteBuffer;

/** The call that a rank is at. Threading: the rank's thread. */
final class LinkCall {
    private long sequence;
    private long signature;
    private long count;
    private long shape;

    void begin(long newSequence, long newSignature) {
        sequence = newSequence;
        signature = newSignature;
        count = 0;
        shape = 0;
    }

    void count(long newCount, long newShape) {
        count = newCount;
        shape = newShape;
    }

    void writeTo(ByteBuffer words, int at) {
        words.putLong(at, sequence);
        words.putLong(at + 8, signature);
        words.putLong(at + 16, count);
        words.putLong(at + 24, shape);
    }

    boolean isAt(Inbox inbox) {
        return inbox.isOfCall(sequence, signature, count, shape);
    }

    @Override
    public String toString() {
        return Call.describe(sequence, signature, count, shape);
    }
}
