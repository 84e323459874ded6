// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZZL_Result;

/** Two owners of one region release it at the same time. */
@JCStressTest
@Description("A region has two owners, and both release it. Did this one free it, did that one, what is left?")
@Outcome(id = "true, false, freed", expect = ACCEPTABLE, desc = "The first was the last to release.")
@Outcome(id = "false, true, freed", expect = ACCEPTABLE, desc = "The second was the last to release.")
@Outcome(expect = FORBIDDEN, desc = "Freed twice, or never.")
@State
public class ReleaseAgainstRelease {
    private final MappedRegion region = CountedFrees.region();

    /** Makes the second owner. */
    public ReleaseAgainstRelease() {
        region.retain();
    }

    /** Releases. */
    @Actor
    public void first(ZZL_Result result) {
        result.r1 = CountedFrees.byReleaseOf(region);
    }

    /** Releases. */
    @Actor
    public void second(ZZL_Result result) {
        result.r2 = CountedFrees.byReleaseOf(region);
    }

    /** Looks whether anybody could still use it. */
    @Arbiter
    public void end(ZZL_Result result) {
        result.r3 = region.tryRetain() ? "alive" : "freed";
    }
}
