// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LII_Result;

/** A transport lands bytes and completes a request while the caller polls {@link TransferBatch#isDone}. */
@JCStressTest
@Description(
        "A thread writes local memory and completes the only request while the caller polls. What outcome does he find,"
                + " what bytes, and how many counts on local memory?")
@Outcome(id = "not done, 0, 0", expect = ACCEPTABLE, desc = "Polled too early; he looks at nothing.")
@Outcome(id = "COMPLETED, 1, 0", expect = ACCEPTABLE, desc = "Done: outcome and bytes are there, the count is gone.")
@Outcome(expect = FORBIDDEN, desc = "Done before outcome or bytes were there, or before the count was released.")
@State
public class CompletionAgainstPoll {
    private final CountedLocal local = new CountedLocal();
    private final TransferBatch batch = new TransferBatch(Opcode.READ, Duration.ofMinutes(1));
    private int bytes;

    /** Begins the batch. */
    public CompletionAgainstPoll() {
        batch.add(local, 0, CountedLocal.REMOTE, 0, 8);
        batch.begin();
    }

    /** Lands the bytes. */
    @Actor
    public void transport() {
        bytes = 1;
        batch.complete(0);
    }

    /** Polls once. */
    @Actor
    public void caller(LII_Result result) {
        if (batch.isDone()) {
            result.r1 = batch.outcome(0).status();
            result.r2 = bytes;
            result.r3 = local.owners();
        } else {
            result.r1 = "not done";
        }
    }
}
