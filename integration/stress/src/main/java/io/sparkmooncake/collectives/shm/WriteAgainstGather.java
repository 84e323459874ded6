// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** {@link StepExchange#stepInPlace}: each of two ranks writes over what it read in the other's window, as a sliced all-reduce does. */
@JCStressTest
@Description("Three times: fill the own window, step, write what was read there plus one into the other's, step in place, gather.")
@Outcome(id = "9, 9", expect = ACCEPTABLE, desc = "Each read the other's operand, and then in both windows what had been written over it.")
@Outcome(expect = FORBIDDEN, desc = "A window was read before it was written, or filled while the other rank was still at it.")
@State
public class WriteAgainstGather {
    private static final int CHUNKS = 3;

    private final TwoRanks ranks = new TwoRanks();

    private int run(int rank) {
        StepExchange exchange = ranks.exchange(rank);
        long[] cell = new long[1];
        Elements word = Elements.of(cell);
        int right = 0;
        try {
            exchange.begin(Operation.ALL_REDUCE, DataType.INT64, null, -1, CHUNKS, 0);
            for (int chunk = 0; chunk < CHUNKS; chunk++) {
                exchange.nextNumbers(0, operand(rank, chunk), 0);
                exchange.step();
                Elements others = exchange.window(1 - rank, DataType.INT64);
                others.copyTo(0, word, 0, 1);
                right += cell[0] == operand(1 - rank, chunk) ? 1 : 0;
                cell[0]++;
                word.copyTo(0, others, 0, 1);
                exchange.stepInPlace();
                right += exchange.number(rank, 0) == operand(rank, chunk) + 1 ? 1 : 0;
                right += exchange.number(1 - rank, 0) == operand(1 - rank, chunk) + 1 ? 1 : 0;
            }
        } catch (CollectiveException e) {
            throw new IllegalStateException(e);
        }
        return right;
    }

    private static long operand(int rank, int chunk) {
        return 100L * (1 + rank) + 10L * chunk;
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
