// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import io.sparkmooncake.ml.AllReduce;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;

/** Shuffles, and adds up as ranks, on three executors; prints which shuffle managers ran. */
final class LeftToSpark implements Program {
    private static final int EXECUTORS = 3;

    @Override
    public void run(Facts facts) throws Exception {
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            new Executors(sc).awaitCount(EXECUTORS);
            new VerifiedJob(6, 500, 0, 1).runAndVerify(sc, "with Spark's own shuffle");
            List<Integer> numbers = IntStream.range(0, 60).boxed().toList();
            facts.tell("driver", manager());
            facts.tell(
                    "executors",
                    sc.parallelize(numbers, 12)
                            .map(number -> manager())
                            .distinct(EXECUTORS)
                            .collect());
            double[] sum = AllReduce.sum(sc.parallelize(numbers, EXECUTORS), new double[1], (sums, number) -> {
                sums[0] += number;
                return sums;
            });
            facts.tell("sum", sum[0]);
        }
    }

    private static String manager() {
        return SparkEnv.get().shuffleManager().getClass().getSimpleName();
    }
}
