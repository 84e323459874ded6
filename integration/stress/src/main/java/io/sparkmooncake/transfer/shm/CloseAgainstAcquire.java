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

/** {@link ImportedRegions#close} drops every mapping, for good, while another thread takes one. */
@JCStressTest
@Description(
        "A link's mappings are closed while another thread takes one, reads it and releases it. How did that end, and"
                + " how many mappings are left?")
@Outcome(id = "read, 0", expect = ACCEPTABLE, desc = "Taken before the close; unmapped by whoever released last.")
@Outcome(id = "refused, 0", expect = ACCEPTABLE, desc = "Closed first; nothing is mapped any more.")
@Outcome(
        expect = FORBIDDEN,
        desc = "A mapping outlived the close, or wrong bytes. A crash is a read of unmapped memory.")
@State
public class CloseAgainstAcquire {
    private final ImportedRegions regions = OneRegion.mapped();

    /** Closes. */
    @Actor
    public void close() {
        regions.close();
    }

    /** Takes, reads, releases. */
    @Actor
    public void use(LI_Result result) {
        result.r1 = OneRegion.use(regions);
    }

    /** Counts, and unmaps what should not be there. */
    @Arbiter
    public void end(LI_Result result) {
        result.r2 = regions.size();
        regions.close();
    }
}
