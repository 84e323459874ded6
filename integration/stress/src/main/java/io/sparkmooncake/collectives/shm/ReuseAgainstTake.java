// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.collectives.spi.Elements;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.J_Result;

/** {@link Mailbox#consume} against {@link Mailbox#consumed}: a ring is used again only behind what was taken. */
@JCStressTest
@Description("One rank takes a message while the sender waits for room and puts the next one into the same place.")
@Outcome(id = "7", expect = ACCEPTABLE, desc = "The message that was there.")
@Outcome(expect = FORBIDDEN, desc = "The next message was seen in place of the one that was being taken.")
@State
public class ReuseAgainstTake {
    private final Mailbox ring = mailbox();
    private final Mailbox words = mailbox();
    private final Elements next = Elements.of(new long[] {9});
    private final long[] taken = new long[1];
    private final Elements target = Elements.of(taken);

    /** Puts the first message into the ring. */
    public ReuseAgainstTake() {
        ring.put(0, Elements.of(new long[] {7}), 0, 1);
    }

    private static Mailbox mailbox() {
        return new Mailbox(
                ByteBuffer.allocateDirect(SegmentLayout.RING_OFFSET).order(ByteOrder.nativeOrder()),
                ByteBuffer.allocateDirect(Long.BYTES).order(ByteOrder.nativeOrder()));
    }

    /** Puts the next one into its place, once that is given back. */
    @Actor
    public void sender() {
        if (words.consumed() == Long.BYTES) {
            ring.put(Long.BYTES, next, 0, 1);
        }
    }

    /** Takes the first one. */
    @Actor
    public void receiver(J_Result result) {
        ring.get(0, target, 0, 1);
        result.r1 = taken[0];
        words.consume(Long.BYTES);
    }
}
