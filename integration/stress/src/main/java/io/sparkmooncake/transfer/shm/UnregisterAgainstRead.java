// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.RevocableRegion;
import io.sparkmooncake.transfer.spi.Link;
import java.time.Duration;
import java.util.Optional;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;

/** The whole way: {@link ShmTransport#unregister} and reuse by the owner against a READ over a link. */
@JCStressTest
@Description("An owner unregisters a region and overwrites it while a peer's READ of it is under way.")
@Outcome(id = "completed, old", expect = ACCEPTABLE, desc = "The READ ended before the owner unregistered.")
@Outcome(id = "refused, nothing", expect = ACCEPTABLE, desc = "Refused before the copy.")
@Outcome(id = "refused, old", expect = ACCEPTABLE, desc = "Refused after a copy that had been in time.")
@Outcome(id = "refused, mixed", expect = ACCEPTABLE, desc = "Refused after a copy during which the owner wrote.")
@Outcome(id = "refused, new", expect = ACCEPTABLE, desc = "Refused after a copy of what the owner wrote.")
@Outcome(
        expect = FORBIDDEN,
        desc = "Bytes that were written after unregister returned were delivered, or a wrong failure.")
@State
public class UnregisterAgainstRead {
    private static final ShmTransport OWNER = ShmEnds.start();
    private static final Link LINK = ShmEnds.link(ShmEnds.start(), OWNER);
    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    private final RevocableRegion region = RevocableRegion.take();
    private final TransferBatch batch = new TransferBatch(Opcode.READ, TIMEOUT);

    /** Prepares the READ. */
    public UnregisterAgainstRead() {
        batch.add(region.local(), 0, region.owned().descriptor(), 0, RevocableRegion.SIZE_BYTES);
        batch.begin();
    }

    /** Unregisters, then reuses; looks the region up first as the reader does, to meet his copy and not his look-up. */
    @Actor
    public void owner() {
        ShmEnds.map(LINK, region.owned()).release();
        OWNER.unregister(region.owned());
        region.overwrite();
    }

    /** Reads. */
    @Actor
    public void reader(LL_Result result) {
        LINK.submit(batch);
        Optional<TransferException> failure = batch.firstFailure();
        if (failure.isEmpty()) {
            result.r1 = batch.isDone() ? "completed" : "unfinished";
        } else {
            result.r1 = failure.get().code() == Code.REFUSED
                    ? "refused"
                    : failure.get().toString();
        }
    }

    /** Looks at what was read. */
    @Arbiter
    public void content(LL_Result result) {
        result.r2 = region.received();
        region.giveBack();
    }
}
