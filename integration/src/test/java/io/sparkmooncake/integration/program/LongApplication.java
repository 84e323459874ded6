// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import org.apache.spark.HashPartitioner;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Shuffles {@code megabytes} as often as {@code shuffles} says and leaves the cleaning to Spark. Tells what the executors used
 * meanwhile.
 */
final class LongApplication implements Program {
    private static final int ROW_BYTES = 1024;

    @Override
    public void run(Facts facts) throws Exception {
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            TaskFailures failures = new TaskFailures();
            sc.sc().addSparkListener(failures);
            Executors executors = new Executors(sc);
            LocalUsage usage = new LocalUsage(
                    facts,
                    executors.probe(facts.executors()).values(),
                    sc.getConf().get("spark.local.dir"));
            int maps = 2 * facts.executors();
            int rows = (int) (((long) facts.number("megabytes") << 20) / ROW_BYTES / maps);
            Facts.require(rows > 0, "rows", rows);
            Sampling.during(
                    () -> {
                        for (int shuffle = 0; shuffle < facts.number("shuffles"); shuffle++) {
                            NoiseRows noise = new NoiseRows(maps, rows, ROW_BYTES, shuffle);
                            noise.verify(noise.make(sc).partitionBy(new HashPartitioner(maps)));
                        }
                    },
                    usage::sample);
            failures.tell(facts);
            var probes = executors.probe(facts.executors());
            facts.tell("memory.limit", Executors.sum(probes, "memory.limit.bytes"));
            facts.tell("memory.moved", Executors.sum(probes, "memory.moved.bytes"));
            facts.tell("disk.written", Executors.sum(probes, "write.bytes.disk"));
            usage.tell((long) maps * rows * ROW_BYTES);
            executors.cleanAndAwaitQuiet(facts.executors());
        }
    }
}
