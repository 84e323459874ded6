// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.collectives.fabric.Operation;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;

/** Call slots: the third call differs, in a slot that held the first one. */
@JCStressTest
@Description("Two ranks call the same twice and then something else each.")
@Outcome(
        id = "stepped stepped DESYNC, stepped stepped DESYNC",
        expect = ACCEPTABLE,
        desc = "Both found out, in that call.")
@Outcome(expect = FORBIDDEN, desc = "A call that differs was taken for the same, or an equal one for another.")
@State
public class DifferentCalls {
    private final TwoRanks ranks = new TwoRanks();

    /** Runs rank 0. */
    @Actor
    public void first(LL_Result result) {
        result.r1 = run(0, Operation.ALL_GATHER);
    }

    /** Runs rank 1. */
    @Actor
    public void second(LL_Result result) {
        result.r2 = run(1, Operation.ALL_REDUCE);
    }

    private String run(int rank, Operation last) {
        return ranks.step(rank, Operation.BARRIER) + " " + ranks.step(rank, Operation.BARRIER) + " "
                + ranks.step(rank, last);
    }
}
