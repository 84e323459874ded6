// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.spi.Link;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;

/** {@link ShmTransport#close} closes the links that it sees while {@link ShmTransport#link} makes one and looks for the close. */
@JCStressTest
@Description(
        "A transport is closed while another thread opens a link. Each writes first and then looks at the other's word.")
@Outcome(id = "reached, closed", expect = ACCEPTABLE, desc = "Opened first; the close found the link.")
@Outcome(id = "refused, none", expect = ACCEPTABLE, desc = "Closed first; the opener found that out.")
@Outcome(expect = FORBIDDEN, desc = "Neither saw the other: a link outlives its transport.")
@State
public class CloseAgainstLink {
    private static final PeerRecord PEER = ShmEnds.record(ShmEnds.start());

    private final ShmTransport transport = ShmEnds.start();
    private @Nullable Link link;

    /** Closes, after a link of its own: mapping takes so long that the two would never meet otherwise. */
    @Actor
    public void close() {
        var unused = transport.link(PEER);
        transport.close();
    }

    /** Opens a link. */
    @Actor
    public void open(LL_Result result) {
        link = transport.link(PEER).join().<@Nullable Link>fold(reached -> reached, reason -> null);
        result.r1 = link == null ? "refused" : "reached";
    }

    /** Looks at the link. */
    @Arbiter
    public void end(LL_Result result) {
        if (link == null) {
            result.r2 = "none";
        } else {
            result.r2 = link.lost().isDone() ? "closed" : "open";
            link.close();
        }
    }
}
