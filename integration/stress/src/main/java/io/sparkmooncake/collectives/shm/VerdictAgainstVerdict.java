// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.fabric.Operation;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LLL_Result;

/** {@link StepExchange#giveUp} of two ranks: whose reason is the one that all throw? */
@JCStressTest
@Description("Two ranks give up at once, each with a reason of its own; then one of them calls again.")
@Outcome(
        id = "ABORTED because of 0, ABORTED because of 0, ABORTED because of 0",
        expect = ACCEPTABLE,
        desc = "Rank 0 was first, and all say what it said.")
@Outcome(
        id = "TIMED_OUT because of 1, TIMED_OUT because of 1, TIMED_OUT because of 1",
        expect = ACCEPTABLE,
        desc = "Rank 1 was first, and all say what it said.")
@Outcome(expect = FORBIDDEN, desc = "Ranks say different things, or half of one.")
@State
public class VerdictAgainstVerdict {
    private static final String PREFIX = "communicator=stress epoch=1: ";

    private final TwoRanks ranks = new TwoRanks();

    /** Gives up as rank 0. */
    @Actor
    public void first(LLL_Result result) {
        result.r1 = text(ranks.exchange(0).giveUp(Code.ABORTED, "because of 0"));
    }

    /** Gives up as rank 1. */
    @Actor
    public void second(LLL_Result result) {
        result.r2 = text(ranks.exchange(1).giveUp(Code.TIMED_OUT, "because of 1"));
    }

    /** Calls again. */
    @Arbiter
    public void again(LLL_Result result) {
        try {
            ranks.exchange(0).begin(Operation.BARRIER, null, null, -1, 0, 0);
            result.r3 = "began";
        } catch (CollectiveException e) {
            result.r3 = text(e);
        }
    }

    private static String text(CollectiveException e) {
        String message = String.valueOf(e.getMessage());
        return e.code() + " " + (message.startsWith(PREFIX) ? message.substring(PREFIX.length()) : message);
    }
}
