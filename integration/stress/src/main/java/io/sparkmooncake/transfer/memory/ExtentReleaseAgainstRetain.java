// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LJ_Result;

/** The only owner of an extent releases it while another thread tries to become an owner. */
@JCStressTest
@Description(
        "The only owner of an extent releases it, another retains and releases it. What did the other get, and how many"
                + " bytes are missing in the pool afterwards?")
@Outcome(id = "refused, 0", expect = ACCEPTABLE, desc = "The owner was first; nobody gets bytes that went back.")
@Outcome(id = "held, 0", expect = ACCEPTABLE, desc = "Retained in time: the bytes went back after both had released.")
@Outcome(expect = FORBIDDEN, desc = "The bytes went back under a user, twice, or never.")
@State
public class ExtentReleaseAgainstRetain {
    private static final int SIZE_BYTES = 64;
    private static final RegionPool.Limits LIMITS = new RegionPool.Limits(SIZE_BYTES, SIZE_BYTES, Duration.ZERO);

    private final RegionPool pool = RegionPool.privateMemory(LIMITS);
    private final Extent extent;

    /** Takes the pool's only extent. */
    public ExtentReleaseAgainstRetain() {
        try {
            extent = pool.tryAllocate(SIZE_BYTES).orElseThrow();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Releases. */
    @Actor
    public void owner() {
        extent.release();
    }

    /** Retains where it can, looks whether the pool still counts the extent, and releases. */
    @Actor
    public void user(LJ_Result result) {
        try {
            extent.retain();
        } catch (IllegalStateException gone) {
            result.r1 = "refused";
            return;
        }
        result.r1 = pool.extents() == 1 ? "held" : "gone";
        extent.release();
    }

    /** Counts, and frees the pool's region. */
    @Arbiter
    public void end(LJ_Result result) {
        result.r2 = pool.usedBytes();
        pool.close();
    }
}
