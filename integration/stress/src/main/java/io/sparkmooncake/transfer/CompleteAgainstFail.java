// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.transfer.TransferException.Code;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LII_Result;

/** An event loop completes a request while a deadline fails what is unfinished. */
@JCStressTest
@Description(
        "A batch's only request is completed and failed at once. How did it end, how many counts on local memory are"
                + " left, how often was the batch done?")
@Outcome(id = "COMPLETED, 0, 1", expect = ACCEPTABLE, desc = "The completion was first; the failure is ignored.")
@Outcome(id = "FAILED, 0, 1", expect = ACCEPTABLE, desc = "The failure was first; the completion is ignored.")
@Outcome(expect = FORBIDDEN, desc = "Done twice or never, or a count released twice or never.")
@State
public class CompleteAgainstFail {
    private static final TransferException LATE = new TransferException(Code.TIMED_OUT, "late");

    private final CountedLocal local = new CountedLocal();
    private final TransferBatch batch = new TransferBatch(Opcode.READ, Duration.ofMinutes(1));
    private final AtomicInteger done = new AtomicInteger();

    /** Begins the batch. */
    public CompleteAgainstFail() {
        batch.add(local, 0, CountedLocal.REMOTE, 0, 8);
        var unused = batch.completion().thenAccept(same -> done.incrementAndGet());
        batch.begin();
    }

    /** Completes the request. */
    @Actor
    public void complete() {
        batch.complete(0);
    }

    /** Fails whatever is unfinished. */
    @Actor
    public void fail() {
        batch.failUnfinished(LATE);
    }

    /** Looks how it ended. */
    @Arbiter
    public void end(LII_Result result) {
        result.r1 = batch.outcome(0).status();
        result.r2 = local.owners();
        result.r3 = done.get();
    }
}
