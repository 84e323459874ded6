// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LI_Result;

/** {@link ImportedRegions#trim} drops an idle mapping while {@link ImportedRegions#acquire} takes it without a lock. */
@JCStressTest
@Description(
        "An idle mapping is dropped while another thread takes it, reads it and releases it. How did that end, and how"
                + " many mappings are left?")
@Outcome(id = "read, 0", expect = ACCEPTABLE, desc = "Taken before it was dropped; unmapped by whoever released last.")
@Outcome(id = "read, 1", expect = ACCEPTABLE, desc = "Dropped first, and mapped again.")
@Outcome(
        expect = FORBIDDEN,
        desc = "Wrong bytes, or a refusal of a region that lives. A crash is a read of unmapped memory.")
@State
public class TrimAgainstAcquire {
    private final ImportedRegions regions = OneRegion.mapped();

    /** Drops whatever is idle, however shortly. */
    @Actor
    public void trim() {
        regions.trim(System.nanoTime(), Long.MIN_VALUE);
    }

    /** Takes, reads, releases. */
    @Actor
    public void use(LI_Result result) {
        result.r1 = OneRegion.use(regions);
    }

    /** Counts, and unmaps. */
    @Arbiter
    public void end(LI_Result result) {
        result.r2 = regions.size();
        regions.close();
    }
}
