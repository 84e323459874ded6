// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.nio.file.Path;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/** One application that shuffles in every way users do: RDDs, SQL whose plan changes while it runs, and a stream with state. */
final class Breadth implements Program {
    @Override
    public void run(Facts facts) throws Exception {
        SparkSession spark = SparkSession.builder().getOrCreate();
        try {
            JavaSparkContext sc = JavaSparkContext.fromSparkContext(spark.sparkContext());
            Executors executors = new Executors(sc);
            executors.awaitCount(facts.executors());
            long start = System.nanoTime();
            RddBreadth.verify(sc);
            long rdd = System.nanoTime();
            new SqlBreadth(spark).verify();
            long sql = System.nanoTime();
            facts.tell("micro-batches", StreamBreadth.verify(spark, Path.of(facts.argument("folder"))));
            long stream = System.nanoTime();
            facts.tell(
                    "millis",
                    (rdd - start) / 1_000_000 + "+" + (sql - rdd) / 1_000_000 + "+" + (stream - sql) / 1_000_000);
            Map<String, ExecutorProbe> probes = executors.probe(facts.executors());
            facts.tell("written-to-memory", Executors.sum(probes, "write.bytes.memory"));
            facts.tell("written-to-disk", Executors.sum(probes, "write.bytes.disk"));
            facts.tell("shm", Executors.sum(probes, "read.bytes.shm"));
            facts.tell("tcp", Executors.sum(probes, "read.bytes.tcp"));
            executors.cleanAndAwaitQuiet(facts.executors());
        } finally {
            spark.stop();
        }
    }
}
