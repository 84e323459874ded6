// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.integration.example.Progress;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.util.CollectionAccumulator;
import org.jspecify.annotations.Nullable;

/**
 * Times every iteration of a loop: its wall time on rank 0, and of that what was not the slowest rank's own work. Rank 0 hands rows of
 * wall nanoseconds, nanoseconds beyond compute and objective to the driver.
 *
 * <p>Threading: the task's.
 */
final class IterationTimes implements Progress {
    private static final long serialVersionUID = 1;

    private final CollectionAccumulator<double[]> rows;
    private transient @Nullable Communicator ranks;
    private transient @Nullable List<double[]> own;
    private transient long beginNanos;
    private transient long computedNanos;
    private transient long reducedNanos;

    IterationTimes(CollectionAccumulator<double[]> rows) {
        this.rows = rows;
    }

    @Override
    public void loaded(Communicator communicator) throws Exception {
        ranks = communicator;
        own = new ArrayList<>();
        communicator.barrier();
        beginNanos = System.nanoTime();
    }

    @Override
    public void computed() {
        computedNanos = System.nanoTime();
    }

    @Override
    public void reduced() {
        reducedNanos = System.nanoTime();
    }

    @Override
    public void iterated(int iteration, double objective) {
        long now = System.nanoTime();
        if (own != null) {
            own.add(new double[] {now - beginNanos, computedNanos - beginNanos, now - reducedNanos, objective});
        }
        beginNanos = now;
    }

    @Override
    public void ended() throws Exception {
        if (ranks == null || own == null) {
            return;
        }
        for (double[] row : own) {
            double[] slowest = row.clone();
            ranks.allReduce(Elements.of(slowest), Elements.of(slowest), ReduceOp.MAX);
            if (ranks.membership().rank() == 0) {
                rows.add(new double[] {row[0], Math.max(0, row[0] - slowest[1] - slowest[2]), row[3]});
            }
        }
    }
}
