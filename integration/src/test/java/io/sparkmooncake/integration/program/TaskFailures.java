// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.FetchFailed;
import org.apache.spark.Success$;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/**
 * Keeps why tasks failed and executors were removed.
 *
 * <p>Threading: Spark's listener bus adds; others ask after the job.
 */
final class TaskFailures extends SparkListener {
    private final List<String> fetches = new ArrayList<>();
    private final List<String> others = new ArrayList<>();

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        if (end.reason() instanceof FetchFailed failed) {
            fetches.add(failed.message());
        } else if (end.reason() != Success$.MODULE$) {
            others.add(end.reason().toString());
        }
    }

    @Override
    public synchronized void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
        others.add("executor " + removed.executorId() + " removed: " + removed.reason());
    }

    /** Reports how many failures there were, and the first of them. */
    synchronized void tell(Facts facts) {
        facts.tell("fetches-failed", fetches.size());
        facts.tell("tasks-failed", others.size());
        fetches.stream().findFirst().ifPresent(first -> facts.tell("first-fetch-failure", first));
        others.stream().findFirst().ifPresent(first -> facts.tell("first-task-failure", first));
    }
}
