// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.StageInfo;

/**
 * Sums what the stages of an application cost.
 *
 * <p>Threading: Spark's listener bus writes, the application's thread takes.
 */
final class StageListener extends SparkListener {

    /**
     * What the stages cost since the last take.
     *
     * @param stages every stage that completed
     * @param map sums over the tasks that wrote shuffle output; a stage in the middle of a query both reads and writes
     * @param reduce sums over the other tasks
     */
    record Costs(List<StageTime> stages, StageTotals map, StageTotals reduce) {}

    @GuardedBy("this")
    private List<StageTime> stages = new ArrayList<>();

    @GuardedBy("this")
    private StageTotals map = StageTotals.NONE;

    @GuardedBy("this")
    private StageTotals reduce = StageTotals.NONE;

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        if (end.taskMetrics() == null) {
            return;
        }
        StageTotals task = StageTotals.of(end.taskMetrics());
        if (end.taskType().equals("ShuffleMapTask")) {
            map = map.plus(task);
        } else {
            reduce = reduce.plus(task);
        }
    }

    @Override
    public synchronized void onStageCompleted(SparkListenerStageCompleted completed) {
        StageInfo stage = completed.stageInfo();
        if (stage.submissionTime().isDefined() && stage.completionTime().isDefined()) {
            long millis = (long) stage.completionTime().get()
                    - (long) stage.submissionTime().get();
            stages.add(new StageTime(stage.stageId(), stage.name(), millis / 1e3));
        }
    }

    /** What was summed since the last call. The caller has waited for the listener bus to be empty. */
    synchronized Costs take() {
        Costs costs = new Costs(stages, map, reduce);
        stages = new ArrayList<>();
        map = StageTotals.NONE;
        reduce = StageTotals.NONE;
        return costs;
    }
}
