// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.Serializable;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import scala.Tuple2;

/**
 * Three stages with two shuffles, one that moves rows as they are and one that combines on the map side; its result is known
 * beforehand.
 *
 * @param tasks tasks of each stage
 * @param rowsPerTask rows that a task of the first stage makes
 * @param taskMillis what each task takes at least
 * @param seed decides the rows
 */
record VerifiedJob(int tasks, int rowsPerTask, int taskMillis, long seed) implements Serializable {
    private static final int GROUPS = 97;
    private static final int MEAN_BYTES = 400;

    /** The first shuffle, not yet computed. */
    JavaPairRDD<Integer, byte[]> exchanged(JavaSparkContext sc) {
        return sc.parallelize(IntStream.range(0, tasks).boxed().toList(), tasks)
                .flatMapToPair(task -> {
                    pause();
                    return IntStream.range(0, rowsPerTask)
                            .mapToObj(row -> row(task, row))
                            .iterator();
                })
                .partitionBy(new HashPartitioner(tasks));
    }

    /** The sums that the second shuffle makes of {@code rows}. */
    Map<Integer, Long> sums(JavaPairRDD<Integer, byte[]> rows) {
        return rows.mapPartitionsToPair(
                        partition -> {
                            pause();
                            Map<Integer, Long> sums = new HashMap<>();
                            partition.forEachRemaining(row -> add(sums, row));
                            return sums.entrySet().stream()
                                    .map(sum -> new Tuple2<>(sum.getKey(), sum.getValue()))
                                    .iterator();
                        },
                        false)
                .reduceByKey(Long::sum, tasks)
                .mapPartitionsToPair(
                        partition -> {
                            pause();
                            return partition;
                        },
                        false)
                .collectAsMap();
    }

    /** Runs all of it and fails if the result is not right. */
    void runAndVerify(JavaSparkContext sc, String when) {
        verify(sums(exchanged(sc)), when);
    }

    void verify(Map<Integer, Long> actual, String when) {
        Map<Integer, Long> expected = new HashMap<>();
        for (int task = 0; task < tasks; task++) {
            for (int row = 0; row < rowsPerTask; row++) {
                add(expected, row(task, row));
            }
        }
        Facts.require(expected.equals(actual), "wrong result", when, this, "expected", expected, "actual", actual);
    }

    private Tuple2<Integer, byte[]> row(int task, int row) {
        Random random = new Random(seed * 1_000_003 + task * 10_007L + row);
        byte[] payload = new byte[random.nextInt(2 * MEAN_BYTES)];
        random.nextBytes(payload);
        return new Tuple2<>(random.nextInt(), payload);
    }

    private static void add(Map<Integer, Long> sums, Tuple2<Integer, byte[]> row) {
        sums.merge(Math.floorMod(row._1(), GROUPS), row._1() * 31L + Arrays.hashCode(row._2()), Long::sum);
    }

    private void pause() throws InterruptedException {
        Thread.sleep(taskMillis);
    }
}
