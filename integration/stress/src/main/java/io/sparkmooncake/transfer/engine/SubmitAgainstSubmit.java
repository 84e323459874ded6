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
import org.openjdk.jcstress.infra.results.LLZ_Result;

/** Two threads submit to one peer whose limit has room for one of them. */
@JCStressTest
@Description(
        "Two threads submit a batch each, and only one fits. What were they told, and is nothing in flight afterwards?")
@Outcome(id = "ACCEPTED, BUSY, true", expect = ACCEPTABLE, desc = "The first was first.")
@Outcome(id = "BUSY, ACCEPTED, true", expect = ACCEPTABLE, desc = "The second was first.")
@Outcome(expect = FORBIDDEN, desc = "Both or none were taken, or bytes in flight were miscounted.")
@State
public class SubmitAgainstSubmit {
    private final LimitedPeer limited = new LimitedPeer();
    private final TransferBatch one = LimitedPeer.batch(LimitedPeer.BATCH_BYTES);
    private final TransferBatch other = LimitedPeer.batch(LimitedPeer.BATCH_BYTES);

    /** Submits. */
    @Actor
    public void first(LLZ_Result result) {
        result.r1 = limited.peer.submit(one);
    }

    /** Submits. */
    @Actor
    public void second(LLZ_Result result) {
        result.r2 = limited.peer.submit(other);
    }

    /** Ends what was taken, and counts. */
    @Arbiter
    public void end(LLZ_Result result) {
        if (result.r1 == Submission.ACCEPTED) {
            LimitedPeer.end(one);
        }
        if (result.r2 == Submission.ACCEPTED) {
            LimitedPeer.end(other);
        }
        result.r3 = limited.isIdle();
    }
}
