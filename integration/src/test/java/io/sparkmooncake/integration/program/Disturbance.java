// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskStart;

/**
 * Runs an action once, when a number of tasks have started, and counts the stages that are submitted again.
 *
 * <p>Threading: Spark's listener bus counts; the action runs on a thread of its own.
 */
final class Disturbance extends SparkListener {
    private final int task;
    private final FutureTask<Void> action;
    private int started;
    private int reruns;

    /**
     * Creates one that is not yet armed.
     *
     * @param task how many tasks start before the action does, in all jobs together
     */
    Disturbance(int task, Callable<Void> action) {
        this.task = task;
        this.action = new FutureTask<>(action);
    }

    @Override
    public synchronized void onTaskStart(SparkListenerTaskStart start) {
        if (++started == task) {
            Thread thread = new Thread(action, "disturbance");
            thread.setDaemon(true);
            thread.start();
        }
    }

    @Override
    public synchronized void onStageSubmitted(SparkListenerStageSubmitted submitted) {
        if (submitted.stageInfo().attemptNumber() > 0) {
            reruns++;
        }
    }

    /** Waits until the action has ended; fails if it failed, or if too few tasks started. */
    void awaitEnd() throws Exception {
        action.get(10, TimeUnit.MINUTES);
    }

    synchronized int reruns() {
        return reruns;
    }
}
