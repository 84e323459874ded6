// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.nio.ByteBuffer;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;

/** The same promise for plain loads, which a compiler may move more freely than a copy. */
@JCStressTest
@Description(
        "An owner revokes a region and overwrites it while a peer reads a word in place and looks at the header again.")
@Outcome(id = "accepted, old", expect = ACCEPTABLE, desc = "The header was looked at before the owner revoked.")
@Outcome(id = "refused, old", expect = ACCEPTABLE, desc = "Revoked between the read and the look.")
@Outcome(id = "refused, new", expect = ACCEPTABLE, desc = "Read after reuse, and thrown away.")
@Outcome(expect = FORBIDDEN, desc = "A word that was written after the region was revoked passed for data.")
@State
public class RevokeAgainstReadInPlace {
    private final RevocableRegion region = RevocableRegion.take();
    private final ByteBuffer written = region.owned().slice(0, Long.BYTES);
    private final ByteBuffer read = region.mapped().slice(0, Long.BYTES);

    /** Revokes, then reuses. */
    @Actor
    public void owner() {
        Regions.revoke(region.owned());
        written.putLong(0, RevocableRegion.NEW);
    }

    /** Reads, then looks. */
    @Actor
    public void reader(LL_Result result) {
        long word = read.getLong(0);
        result.r1 = Regions.isRevoked(region.mapped()) ? "refused" : "accepted";
        result.r2 = RevocableRegion.name(word);
    }

    /** Ends the try. */
    @Arbiter
    public void end(LL_Result result) {
        region.giveBack();
    }
}
