// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** {@link StepExchange#step} of two ranks, three in a row, with a number in each window. */
@JCStressTest
@Description("Two ranks take three steps and read each other's window after each.")
@Outcome(id = "3, 3", expect = ACCEPTABLE, desc = "Each read what the other one had written before that step.")
@Outcome(expect = FORBIDDEN, desc = "A window was read before it was written, or written while it was read.")
@State
public class StepAgainstStep {
    /** More than jcstress keeps at a time, so that no two tries share a pair. */
    private static final int PAIRS = 1 << 11;

    private static final int STEPS = 3;
    private static final int WINDOW_BYTES = 128;
    private static final StepExchange[][] EXCHANGES = create();
    private static final AtomicInteger TAKEN = new AtomicInteger();
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final StepExchange[] pair = EXCHANGES[TAKEN.getAndIncrement() & PAIRS - 1];
    private final int number = NUMBERS.addAndGet(STEPS);

    private static StepExchange[][] create() {
        StepExchange[][] pairs = new StepExchange[PAIRS][2];
        for (StepExchange[] pair : pairs) {
            RankSegment[] owned = new RankSegment[2];
            try {
                for (int rank = 0; rank < 2; rank++) {
                    owned[rank] = RankSegment.create(Path.of("/dev/shm"), self(rank), WINDOW_BYTES);
                }
                for (int rank = 0; rank < 2; rank++) {
                    HostRegion region = owned[1 - rank].borrowRegion();
                    region.retain();
                    RankSegment other = RankSegment.mapped(region, self(1 - rank), WINDOW_BYTES);
                    List<RankSegment> both = rank == 0 ? List.of(owned[0], other) : List.of(other, owned[1]);
                    pair[rank] = new StepExchange(self(rank), both, List.of("a", "b"), Duration.ofSeconds(60));
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return pairs;
    }

    private static Membership self(int rank) {
        return new Membership("stress", 1, rank, 2);
    }

    private int run(int rank) {
        int right = 0;
        try {
            pair[rank].begin(Operation.BARRIER, null, null, -1, 0, 0);
            for (int step = 0; step < STEPS; step++) {
                pair[rank].nextNumbers(0, number + step, rank);
                pair[rank].step();
                boolean both = pair[rank].number(1 - rank, 0) == number + step
                        && pair[rank].number(1 - rank, 1) == 1 - rank;
                right += both ? 1 : 0;
            }
        } catch (CollectiveException e) {
            throw new IllegalStateException(e);
        }
        return right;
    }

    /** Rank 0. */
    @Actor
    public void first(II_Result result) {
        result.r1 = run(0);
    }

    /** Rank 1. */
    @Actor
    public void second(II_Result result) {
        result.r2 = run(1);
    }
}
