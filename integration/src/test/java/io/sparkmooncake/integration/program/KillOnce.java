// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;

/** A right result, and again after one of them was killed between two jobs and in the middle of one. */
final class KillOnce implements Program {
    @Override
    public void run(Facts facts) throws Exception {
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            Executors executors = new Executors(sc);
            int count = facts.executors();
            Map<String, ExecutorProbe> before = executors.probe(count);
            VerifiedJob job = new VerifiedJob(6, 500, 20, 1);
            JavaPairRDD<Integer, byte[]> rows = job.exchanged(sc);
            job.verify(job.sums(rows), "before any kill");
            Map<String, ExecutorProbe> after = executors.probe(count);
            facts.tell("version", sc.version());
            facts.tell("shm", Executors.sum(after, "read.bytes.shm"));
            facts.tell("tcp", Executors.sum(after, "read.bytes.tcp"));
            facts.tell("written", Executors.sum(after, "write.bytes.memory"));

            facts.kill(before.values().iterator().next());
            job.verify(job.sums(rows), "after a kill between two jobs over one shuffle");

            ExecutorProbe victim = executors.probe(count).values().iterator().next();
            Moment moment = new Moment(new Moment.Of(1, 2, 10), () -> facts.kill(victim));
            sc.sc().addSparkListener(moment);
            new VerifiedJob(6, 500, 50, 2).runAndVerify(sc, "after a kill in the middle of a job");
            moment.awaitHappened();
            executors.cleanAndAwaitQuiet(count);
        }
    }
}
