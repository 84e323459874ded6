// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.transfer.Peer.Submission;
import io.sparkmooncake.transfer.TransferBatch;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LZ_Result;

/** A batch ends and gives its bytes back to the limit while the next one asks for them. */
@JCStressTest
@Description(
        "A batch ends while another thread submits one that fits only then. What was it told, and is nothing in flight"
                + " afterwards?")
@Outcome(id = "ACCEPTED, true", expect = ACCEPTABLE, desc = "The first batch had ended.")
@Outcome(id = "BUSY, true", expect = ACCEPTABLE, desc = "The first batch was still under way.")
@Outcome(expect = FORBIDDEN, desc = "Bytes in flight were miscounted: a peer stays busy, or is flooded.")
@State
public class CompletionAgainstSubmit {
    private final LimitedPeer limited = new LimitedPeer();
    private final TransferBatch underWay = LimitedPeer.batch(LimitedPeer.BATCH_BYTES);
    private final TransferBatch next = LimitedPeer.batch(LimitedPeer.BATCH_BYTES);

    /** Submits the first. */
    public CompletionAgainstSubmit() {
        limited.peer.submit(underWay);
    }

    /** Ends the first. */
    @Actor
    public void transport() {
        LimitedPeer.end(underWay);
    }

    /** Submits the next. */
    @Actor
    public void caller(LZ_Result result) {
        result.r1 = limited.peer.submit(next);
    }

    /** Ends what was taken, and counts. */
    @Arbiter
    public void end(LZ_Result result) {
        if (result.r1 == Submission.ACCEPTED) {
            LimitedPeer.end(next);
        }
        result.r2 = limited.isIdle();
    }
}
