// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import java.time.Duration;
import org.apache.spark.SparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.status.api.v1.ExecutorSummary;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Whether all tasks of a stage can run at once. Spark itself would look again for ten minutes before it says that they cannot.
 *
 * <p>Threading: the thread that calls, on the driver.
 */
final class Slots {
    private static final long LOOK_MILLIS = 100;

    /** An application without any executor is still being started, on a busy machine for long. */
    private static final int PATIENCE_WITHOUT_EXECUTORS = 4;

    private Slots() {}

    /** Waits only for executors that may still come: those of an application that just began, or just got or lost one. */
    static void require(RDD<?> rdd) {
        SparkContext sc = rdd.sparkContext();
        if (sc.conf().getBoolean("spark.dynamicAllocation.enabled", false)) {
            return; // Spark refuses barrier stages at once then, and says why
        }
        int tasks = rdd.getNumPartitions();
        ResourceProfile profile = rdd.getResourceProfile() == null
                ? sc.resourceProfileManager().defaultResourceProfile()
                : rdd.getResourceProfile();
        Duration patience =
                Duration.ofMillis(sc.conf().getTimeAsMs("spark.scheduler.maxRegisteredResourcesWaitingTime", "30s"));
        for (int slots = sc.maxNumConcurrentTasks(profile); slots < tasks; slots = sc.maxNumConcurrentTasks(profile)) {
            long limitMillis = patience.toMillis() * (slots == 0 ? PATIENCE_WITHOUT_EXECUTORS : 1);
            if (sc.isLocal() || sinceChangeMillis(sc) > limitMillis) {
                throw tooFew(sc, tasks, slots);
            }
            sleep();
        }
    }

    private static IllegalStateException tooFew(SparkContext sc, int tasks, int slots) {
        long executors = sc.isLocal() ? 1 : sc.getExecutorIds().size();
        return new IllegalStateException("tasks=" + tasks + " must run at once, one for each partition, and slots="
                + slots
                + " (executors=" + executors + ", spark.task.cpus="
                + sc.conf().get("spark.task.cpus", "1") + "): such a stage would never start. Use rdd.repartition("
                + Math.max(1, slots) + "), or give the application more executors or cores");
    }

    /** Milliseconds since the application began, got an executor or lost one, whichever was latest. */
    private static long sinceChangeMillis(SparkContext sc) {
        long latest = sc.startTime();
        for (ExecutorSummary executor :
                CollectionConverters.asJava(sc.statusStore().executorList(false))) {
            latest = Math.max(latest, executor.addTime().toInstant().toEpochMilli());
            if (executor.removeTime().isDefined()) {
                latest =
                        Math.max(latest, executor.removeTime().get().toInstant().toEpochMilli());
            }
        }
        return System.currentTimeMillis() - latest;
    }

    private static void sleep() {
        try {
            Thread.sleep(LOOK_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for executors", e);
        }
    }
}
