// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkException;
import org.apache.spark.rdd.RDD;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A job whose last stage is one of ranks. Spark runs a barrier stage again when it feeds a shuffle, and gives up when it is the last
 * one of its job, because such a stage may have written something. Ranks that only return something may run again.
 *
 * <p>Threading: the thread that calls, on the driver.
 */
final class RankJob {
    private static final Logger LOG = LoggerFactory.getLogger(RankJob.class);
    private static final String GIVEN_UP = "Could not recover from a failed barrier ResultStage";
    private static final long PAUSE_MILLIS = 250;

    private RankJob() {}

    /** As often as Spark tries a stage. */
    static <T, R> List<R> collect(RDD<T> rdd, RankFunction<T, R> work) {
        SparkContext sc = rdd.sparkContext();
        int attempts = sc.conf().getInt("spark.stage.maxConsecutiveAttempts", 4);
        for (int attempt = 1; ; attempt++) {
            try {
                return Communicators.mapPartitions(rdd, work).toJavaRDD().collect();
            } catch (Exception e) {
                if (attempt >= attempts || !isBarrierFailure(e)) {
                    throw e;
                }
                LOG.warn("attempt {} of {} of a stage of ranks failed and is made again", attempt, attempts, e);
            }
            pause(attempt);
        }
    }

    private static boolean isBarrierFailure(Exception thrown) {
        return thrown instanceof SparkException
                && String.valueOf(thrown.getMessage()).contains(GIVEN_UP);
    }

    /** The driver may not know yet that an executor is gone. */
    private static void pause(int attempt) {
        try {
            Thread.sleep(PAUSE_MILLIS * attempt);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted before another attempt", e);
        }
    }
}
