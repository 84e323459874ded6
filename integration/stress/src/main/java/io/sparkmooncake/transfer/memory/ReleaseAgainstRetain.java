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
import org.openjdk.jcstress.infra.results.ZLL_Result;

/** The only owner of a region releases it while another thread tries to become an owner. */
@JCStressTest
@Description(
        "The only owner releases, another tries to retain and releases again. Did the owner free it, what did the other"
                + " get, what is left?")
@Outcome(id = "true, refused, freed", expect = ACCEPTABLE, desc = "The owner was first; nobody gets a freed region.")
@Outcome(id = "true, kept, freed", expect = ACCEPTABLE, desc = "The other came and went before the owner.")
@Outcome(id = "false, freed, freed", expect = ACCEPTABLE, desc = "The other was the last to release.")
@Outcome(expect = FORBIDDEN, desc = "Freed under a user, freed twice, or never.")
@State
public class ReleaseAgainstRetain {
    private final MappedRegion region = CountedFrees.region();

    /** Releases. */
    @Actor
    public void owner(ZLL_Result result) {
        result.r1 = CountedFrees.byReleaseOf(region);
    }

    /** Retains where it can, and releases. */
    @Actor
    public void user(ZLL_Result result) {
        if (region.tryRetain()) {
            result.r2 = CountedFrees.byReleaseOf(region) ? "freed" : "kept";
        } else {
            result.r2 = "refused";
        }
    }

    /** Looks whether anybody could still use it. */
    @Arbiter
    public void end(ZLL_Result result) {
        result.r3 = region.tryRetain() ? "alive" : "freed";
    }
}
