// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLLL_Result;

/** Two threads land bytes and complete one request each; whoever is last tells the caller. */
@JCStressTest
@Description(
        "Two threads write local memory and complete one request each. How often was the batch done, how many of the two"
                + " writes did the caller see then, what outcomes, and how many counts on local memory are left?")
@Outcome(
        id = "1, 2, COMPLETED COMPLETED, 0",
        expect = ACCEPTABLE,
        desc = "Done once, and everything is in place by then.")
@Outcome(expect = FORBIDDEN, desc = "Done twice or never, or before everything was in place.")
@State
public class LastRequestAgainstLast {
    private final CountedLocal local = new CountedLocal();
    private final TransferBatch batch = new TransferBatch(Opcode.READ, Duration.ofMinutes(1));
    private int firstBytes;
    private int secondBytes;
    private int done;
    private int seenBytes;
    private String seenOutcomes = "";

    /** Begins the batch. */
    public LastRequestAgainstLast() {
        batch.add(local, 0, CountedLocal.REMOTE, 0, 8);
        batch.add(local, 8, CountedLocal.REMOTE, 8, 8);
        var unused = batch.completion().thenAccept(this::look);
        batch.begin();
    }

    private void look(TransferBatch same) {
        done++;
        seenBytes = firstBytes + secondBytes;
        seenOutcomes = same.outcome(0).status() + " " + same.outcome(1).status();
    }

    /** Ends the first request. */
    @Actor
    public void first() {
        firstBytes = 1;
        batch.complete(0);
    }

    /** Ends the second request. */
    @Actor
    public void second() {
        secondBytes = 1;
        batch.complete(1);
    }

    /** Tells what the caller saw. */
    @Arbiter
    public void end(LLLL_Result result) {
        result.r1 = done;
        result.r2 = seenBytes;
        result.r3 = seenOutcomes;
        result.r4 = local.owners();
    }
}
