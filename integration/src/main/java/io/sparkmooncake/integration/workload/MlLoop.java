// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.CollectionAccumulator;

/** A loop on both sides. */
interface MlLoop {
    /** The first iterations of our loops: the compiler is not done with them. */
    int UNCOUNTED = 2;

    long BUS_MILLIS = TimeUnit.MINUTES.toMillis(2);

    MlRun ours(int round);

    MlRun sparkMl(int round) throws TimeoutException;

    /** What {@link IterationTimes} handed over. */
    static MlRun ourRun(String work, int round, CollectionAccumulator<double[]> times) {
        List<double[]> rows = times.value();
        List<double[]> counted = rows.subList(Math.min(UNCOUNTED, rows.size() - 1), rows.size());
        return new MlRun(
                work,
                "mooncake",
                round,
                counted.stream().map(row -> row[0] / 1e6).toList(),
                counted.stream().map(row -> row[1] / 1e6).toList(),
                rows.get(rows.size() - 1)[2]);
    }

    /** What the listener saw. */
    static MlRun sparkMlRun(String work, int round, SparkSession spark, JobTimes jobs, double objective)
            throws TimeoutException {
        spark.sparkContext().listenerBus().waitUntilEmpty(BUS_MILLIS);
        List<JobTimes.Period> periods = jobs.take();
        return new MlRun(
                work,
                "spark-ml",
                round,
                periods.stream().map(JobTimes.Period::millis).toList(),
                periods.stream().map(JobTimes.Period::beyondComputeMillis).toList(),
                objective);
    }
}
