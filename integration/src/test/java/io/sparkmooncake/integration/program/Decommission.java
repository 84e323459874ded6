// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.ExecutorAllocationClient;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.ExecutorDecommissionInfo;
import org.apache.spark.scheduler.MapStatus;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import scala.Option;
import scala.Tuple2;

/** Decommissions one executor after a map stage; the others take its map outputs, and no map task runs again. */
final class Decommission implements Program {
    @Override
    public void run(Facts facts) throws Exception {
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            Executors executors = new Executors(sc);
            int count = facts.executors();
            executors.awaitCount(count);
            VerifiedJob job = new VerifiedJob(6, 1000, 20, 5);
            JavaPairRDD<Integer, byte[]> rows = job.exchanged(sc);
            facts.tell("rows", rows.count());
            Set<String> before = owners();
            Facts.require(before.size() >= 2, "map outputs of two executors are needed", before);
            String victim = before.iterator().next();
            ExecutorProbe process =
                    Objects.requireNonNull(executors.probe(count).get(victim));

            AtomicInteger mapTasks = new AtomicInteger();
            sc.sc().addSparkListener(new SparkListener() {
                @Override
                public void onTaskEnd(SparkListenerTaskEnd end) {
                    if (end.taskMetrics() != null
                            && end.taskMetrics().inputMetrics() != null
                            && end.taskMetrics().shuffleReadMetrics().recordsRead() == 0
                            && end.taskMetrics().shuffleWriteMetrics().recordsWritten() > 0) {
                        mapTasks.incrementAndGet();
                    }
                }
            });
            decommission(sc, victim);
            Executors.await("map outputs of executor " + victim + " to move", () -> !owners().contains(victim));
            Executors.await("the end of executor " + victim, () -> !facts.isAlive(process));
            executors.awaitCount(count);
            facts.tell("owners", owners());
            job.verify(job.sums(rows), "after executor " + victim + " was decommissioned");
            sc.sc().listenerBus().waitUntilEmpty(60_000);
            facts.tell("map-tasks-run-again", mapTasks.get());
            executors.cleanAndAwaitQuiet(count);
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static void decommission(JavaSparkContext sc, String victim) {
        Tuple2[] victims = {new Tuple2<>(victim, new ExecutorDecommissionInfo("test", Option.empty()))};
        ((ExecutorAllocationClient) sc.sc().schedulerBackend()).decommissionExecutors(victims, false, false);
    }

    private static Set<String> owners() {
        Set<String> owners = new TreeSet<>();
        for (int shuffle : Executors.shuffles()) {
            MapStatus[] statuses =
                    Executors.tracker().shuffleStatuses().apply(shuffle).mapStatuses();
            Facts.require(Arrays.stream(statuses).allMatch(status -> status != null), "a map output was dropped");
            Arrays.stream(statuses)
                    .forEach(status -> owners.add(status.location().executorId()));
        }
        return owners;
    }
}
