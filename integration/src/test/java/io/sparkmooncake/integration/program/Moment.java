// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.scheduler.StageInfo;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Runs an action once, at one moment of the next job.
 *
 * <p>Threading: Spark's listener bus notices the moment; the action runs on a thread of its own.
 */
final class Moment extends SparkListener {

    /**
     * Which moment.
     *
     * @param stage position of the stage in its job
     * @param task how many of its tasks have started; 0 for the end of the stage
     * @param delayMillis what passes between the event and the action
     */
    record Of(int stage, int task, long delayMillis) {}

    private final Of moment;
    private final Thread action;
    private final CountDownLatch happened = new CountDownLatch(1);

    private volatile int stageId = -1;
    private volatile int started;

    Moment(Of moment, Runnable action) {
        this.moment = moment;
        this.action = new Thread(
                () -> {
                    try {
                        Thread.sleep(moment.delayMillis());
                        action.run();
                        happened.countDown();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                },
                "moment");
        this.action.setDaemon(true);
    }

    @Override
    public synchronized void onJobStart(SparkListenerJobStart start) {
        if (stageId < 0) {
            List<Integer> stages = CollectionConverters.asJava(start.stageInfos()).stream()
                    .map(StageInfo::stageId)
                    .sorted()
                    .toList();
            stageId = stages.get(moment.stage());
        }
    }

    @Override
    public synchronized void onTaskStart(SparkListenerTaskStart start) {
        if (start.stageId() == stageId && ++started == moment.task()) {
            action.start();
        }
    }

    @Override
    public synchronized void onStageCompleted(SparkListenerStageCompleted completed) {
        if (completed.stageInfo().stageId() == stageId && moment.task() == 0 && action.getState() == Thread.State.NEW) {
            action.start();
        }
    }

    void awaitHappened() throws InterruptedException {
        Facts.require(happened.await(5, TimeUnit.MINUTES), "the job passed without", moment);
    }
}
