// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;

/** A right result with two executors, and again after one of them was killed between two jobs and in the middle of one. */
final class KillOnce implements Program {
    @Override
    public void run(Facts facts) throws Exception {
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            Executors executors = new Executors(sc);
            Map<String, ExecutorProbe> before = executors.probe(2);
            VerifiedJob job = new VerifiedJob(6, 500, 20, 1);
            JavaPairRDD<Integer, byte[]> rows = job.exchanged(sc);
            job.verify(job.sums(rows), "before any kill");
            Map<String, ExecutorProbe> after = executors.probe(2);
            facts.tell("version", sc.version());
            facts.tell("shm", sum(after, "read.bytes.shm"));
            facts.tell("tcp", sum(after, "read.bytes.tcp"));
            facts.tell("written", sum(after, "write.bytes.memory"));

            Executors.kill(before.values().iterator().next().pid());
            job.verify(job.sums(rows), "after a kill between two jobs over one shuffle");

            long victim = executors.probe(2).values().iterator().next().pid();
            Moment moment = new Moment(new Moment.Of(1, 2, 10), () -> Executors.kill(victim));
            sc.sc().addSparkListener(moment);
            new VerifiedJob(6, 500, 50, 2).runAndVerify(sc, "after a kill in the middle of a job");
            moment.awaitHappened();
            executors.cleanAndAwaitQuiet(2);
        }
    }

    private static long sum(Map<String, ExecutorProbe> probes, String gauge) {
        return probes.values().stream().mapToLong(probe -> probe.gauge(gauge)).sum();
    }
}
