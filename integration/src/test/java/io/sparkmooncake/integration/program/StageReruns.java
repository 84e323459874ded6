// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.spark.Success$;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.StageInfo;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Counts the tasks of the next job that succeeded in a later attempt of their stage.
 *
 * <p>Threading: Spark's listener bus counts; others ask after it is empty.
 */
final class StageReruns extends SparkListener {
    private final List<Integer> stages = new ArrayList<>();
    private final Map<Integer, Set<Integer>> tasks = new HashMap<>();

    @Override
    public synchronized void onJobStart(SparkListenerJobStart start) {
        if (stages.isEmpty()) {
            CollectionConverters.asJava(start.stageInfos()).stream()
                    .map(StageInfo::stageId)
                    .sorted()
                    .forEach(stages::add);
        }
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        if (end.stageAttemptId() > 0 && end.reason() == Success$.MODULE$) {
            tasks.computeIfAbsent(end.stageId(), stage -> new TreeSet<>())
                    .add(end.taskInfo().partitionId());
        }
    }

    /** How many tasks of a stage, named by its position in the job, were run again. */
    synchronized int of(int position) {
        return tasks.getOrDefault(stages.get(position), Set.of()).size();
    }
}
