// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.spi.Elements;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LL_Result;

/** A ring that is full and goes round, with short messages and one that goes through it in pieces. */
@JCStressTest
@Description("Rank 0 sends five messages that fill the ring several times over; rank 1 receives them.")
@Outcome(id = "sent, right", expect = ACCEPTABLE, desc = "All came whole and in order.")
@Outcome(expect = FORBIDDEN, desc = "A message was read before it was written, overwritten or lost.")
@State
public class SendAgainstReceive {
    private static final int[] COUNTS = {20, 3, 100, 20, 20};

    private final TwoRanks ranks = new TwoRanks();

    /** Sends. */
    @Actor
    public void send(LL_Result result) {
        MessageExchange messages = new MessageExchange(ranks.exchange(0));
        try {
            for (int i = 0; i < COUNTS.length; i++) {
                long[] values = new long[COUNTS[i]];
                for (int k = 0; k < values.length; k++) {
                    values[k] = 1_000L * (i + 1) + k;
                }
                messages.send(Elements.of(values), 1, 7);
            }
            result.r1 = "sent";
        } catch (CollectiveException e) {
            result.r1 = e.getMessage();
        }
    }

    /** Receives. */
    @Actor
    public void receive(LL_Result result) {
        MessageExchange messages = new MessageExchange(ranks.exchange(1));
        result.r2 = "right";
        try {
            for (int i = 0; i < COUNTS.length; i++) {
                long[] values = new long[COUNTS[i]];
                messages.receive(Elements.of(values), 0, 7);
                for (int k = 0; k < values.length; k++) {
                    if (values[k] != 1_000L * (i + 1) + k) {
                        result.r2 = "message " + i + " has " + values[k] + " at " + k;
                    }
                }
            }
        } catch (CollectiveException e) {
            result.r2 = e.getMessage();
        }
    }
}
