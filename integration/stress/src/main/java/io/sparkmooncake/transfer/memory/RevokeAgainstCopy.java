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
import org.openjdk.jcstress.infra.results.LL_Result;

/** {@link Regions#revoke} and reuse by the owner against {@link Regions#copy} and {@link Regions#isRevoked} by a peer. */
@JCStressTest
@Description("An owner revokes a region and overwrites it while a peer copies it and looks at the header again.")
@Outcome(id = "accepted, old", expect = ACCEPTABLE, desc = "The header was looked at before the owner revoked.")
@Outcome(id = "refused, old", expect = ACCEPTABLE, desc = "Revoked before the look; the copy had been in time.")
@Outcome(id = "refused, mixed", expect = ACCEPTABLE, desc = "Overwritten during the copy, which is thrown away.")
@Outcome(id = "refused, new", expect = ACCEPTABLE, desc = "Overwritten before the copy, which is thrown away.")
@Outcome(expect = FORBIDDEN, desc = "Bytes that were written after the region was revoked passed for data.")
@State
public class RevokeAgainstCopy {
    private final RevocableRegion region = RevocableRegion.take();

    /** Revokes, then reuses. */
    @Actor
    public void owner() {
        Regions.revoke(region.owned());
        region.overwrite();
    }

    /** Copies, then looks. */
    @Actor
    public void reader(LL_Result result) {
        Regions.copy(region.mapped(), 0, region.local(), 0, RevocableRegion.SIZE_BYTES);
        result.r1 = Regions.isRevoked(region.mapped()) ? "refused" : "accepted";
    }

    /** Looks at what was copied. */
    @Arbiter
    public void content(LL_Result result) {
        result.r2 = region.received();
        region.giveBack();
    }
}
