// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.Set;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;

/** Executors come when there is work, stay while a shuffle is read from them, and go when it is unregistered. */
final class DynamicAllocation implements Program {
    @Override
    public void run(Facts facts) throws Exception {
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            Executors executors = new Executors(sc);
            VerifiedJob job = new VerifiedJob(8, 500, 200, 6);
            JavaPairRDD<Integer, byte[]> rows = job.exchanged(sc);
            job.verify(job.sums(rows), "with executors that came for it");
            Set<String> holders = executors.ids();
            facts.tell("holders", holders);
            Thread.sleep(facts.number("idle-millis") + 4_000);
            facts.tell("still-there", executors.ids().containsAll(holders));
            job.verify(job.sums(rows), "over the same map outputs");
            for (int shuffle : Executors.shuffles()) {
                sc.sc().cleaner().get().doCleanupShuffle(shuffle, true);
            }
            Executors.await("idle executors to go", () -> executors.ids().isEmpty());
            job.runAndVerify(sc, "with new executors");
            facts.tell("newcomers", executors.ids());
        }
    }
}
