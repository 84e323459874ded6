// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.L_Result;

/** As {@link ReleaseAgainstRetain}, with memory that is really freed: the allocator then writes over it. */
@JCStressTest
@Description("The only owner releases a region while another retains it, reads it and releases it.")
@Outcome(id = "refused", expect = ACCEPTABLE, desc = "The owner was first; nobody gets a freed region.")
@Outcome(id = "intact", expect = ACCEPTABLE, desc = "Retained in time: its bytes stay until the release.")
@Outcome(expect = FORBIDDEN, desc = "The memory was freed under its user.")
@State
public class ReleaseAgainstUse {
    private static final long TOKEN = 0x5ca1_ab1e_5ca1_ab1eL;

    private final HostRegion region = Regions.allocate(64);

    /** Writes what the user expects. */
    public ReleaseAgainstUse() {
        region.slice(0, Long.BYTES).putLong(0, TOKEN);
    }

    /** Releases. */
    @Actor
    public void owner() {
        region.release();
    }

    /** Retains where it can, reads and releases. */
    @Actor
    public void user(L_Result result) {
        if (region.tryRetain()) {
            result.r1 = region.slice(0, Long.BYTES).getLong(0) == TOKEN ? "intact" : "overwritten";
            region.release();
        } else {
            result.r1 = "refused";
        }
    }
}
