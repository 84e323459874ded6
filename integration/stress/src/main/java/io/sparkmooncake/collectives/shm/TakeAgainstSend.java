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
import org.openjdk.jcstress.infra.results.JJ_Result;

/** {@link Mailbox#publish} against {@link Mailbox#published}, and what lies in the ring between. */
@JCStressTest
@Description("One rank puts a message into a ring while another one looks for it.")
@Outcome(id = "-1, -1", expect = ACCEPTABLE, desc = "Nothing there yet.")
@Outcome(id = "5, 7", expect = ACCEPTABLE, desc = "Head and elements.")
@Outcome(expect = FORBIDDEN, desc = "The position was seen before what was put into the ring before it.")
@State
public class TakeAgainstSend {
    private final Mailbox box = new Mailbox(
            ByteBuffer.allocateDirect(SegmentLayout.RING_OFFSET).order(ByteOrder.nativeOrder()),
            ByteBuffer.allocateDirect(64).order(ByteOrder.nativeOrder()));
    private final Elements sent = Elements.of(new long[] {7});
    private final long[] taken = new long[1];
    private final Elements target = Elements.of(taken);

    /** Sends. */
    @Actor
    public void sender() {
        box.putHead(0, 5, 1);
        box.put(Mailbox.HEAD_BYTES, sent, 0, 1);
        box.publish(Mailbox.HEAD_BYTES + Long.BYTES);
    }

    /** Looks for it once. */
    @Actor
    public void receiver(JJ_Result result) {
        if (box.published() == 0) {
            result.r1 = -1;
            result.r2 = -1;
            return;
        }
        result.r1 = box.head(0);
        box.get(Mailbox.HEAD_BYTES, target, 0, 1);
        result.r2 = taken[0];
    }
}
