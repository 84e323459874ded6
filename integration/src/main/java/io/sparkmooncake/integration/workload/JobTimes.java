// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.StageInfo;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The jobs of a loop that Spark ML runs, one for each iteration: from start to start, and of that what was not their longest task.
 *
 * <p>Threading: Spark's listener bus writes, the application's thread takes.
 */
final class JobTimes extends SparkListener {
    private final String callSite;

    @GuardedBy("this")
    private List<Long> startMillis = new ArrayList<>();

    @GuardedBy("this")
    private List<Long> longestTaskMillis = new ArrayList<>();

    @GuardedBy("this")
    private final Map<Integer, Integer> jobByStage = new HashMap<>();

    /** One period. */
    record Period(double millis, double beyondComputeMillis) {}

    /**
     * Watches jobs.
     *
     * @param callSite what the name of a stage of theirs has in it
     */
    JobTimes(String callSite) {
        this.callSite = callSite;
    }

    @Override
    public synchronized void onJobStart(SparkListenerJobStart start) {
        List<StageInfo> stages = List.copyOf(CollectionConverters.asJava(start.stageInfos()));
        if (stages.stream().anyMatch(stage -> stage.name().contains(callSite))) {
            stages.forEach(stage -> jobByStage.put(stage.stageId(), startMillis.size()));
            startMillis.add(start.time());
            longestTaskMillis.add(0L);
        }
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        Integer job = jobByStage.get(end.stageId());
        if (job != null && end.taskMetrics() != null) {
            longestTaskMillis.set(
                    job, Math.max(longestTaskMillis.get(job), end.taskMetrics().executorRunTime()));
        }
    }

    /** Returns the periods since the last call, without the first: it computes the data. The caller has waited for the bus. */
    synchronized List<Period> take() {
        List<Period> periods = new ArrayList<>();
        for (int i = 1; i + 1 < startMillis.size(); i++) {
            long millis = startMillis.get(i + 1) - startMillis.get(i);
            periods.add(new Period(millis, Math.max(0, millis - longestTaskMillis.get(i))));
        }
        startMillis = new ArrayList<>();
        longestTaskMillis = new ArrayList<>();
        jobByStage.clear();
        return periods;
    }
}
