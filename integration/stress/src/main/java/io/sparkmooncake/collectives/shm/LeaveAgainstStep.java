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

/** {@link RankSegment#leave} right after a step, while another rank still waits for that step. */
@JCStressTest
@Description("Rank 1 takes a step and leaves; rank 0 takes the step, and one more.")
@Outcome(
        id = "stepped DESYNC, stepped",
        expect = ACCEPTABLE,
        desc = "The step that both took counts for both; the next one has nobody to wait for.")
@Outcome(expect = FORBIDDEN, desc = "A rank that had arrived counted as one that left before, or the other way round.")
@State
public class LeaveAgainstStep {
    private final TwoRanks ranks = new TwoRanks();

    /** Takes two steps. */
    @Actor
    public void stay(LL_Result result) {
        result.r1 = ranks.step(0, Operation.BARRIER) + " " + ranks.step(0, Operation.BARRIER);
    }

    /** Takes one step and leaves. */
    @Actor
    public void leave(LL_Result result) {
        result.r2 = ranks.step(1, Operation.BARRIER);
        ranks.segment(1).leave();
    }
}
