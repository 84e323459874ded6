// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.apache.spark.HashPartitioner;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Sorts {@code megabytes} of noise, and tells the most memory that every executor had, in KiB by the names of {@code /proc}. Runs
 * with Spark's own shuffle, too.
 */
final class SmallContainers implements Program {
    private static final int ROW_BYTES = 1000;
    private static final int MAP_BYTES = 256 << 20;

    @Override
    public void run(Facts facts) throws Exception {
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            TaskFailures failures = new TaskFailures();
            sc.sc().addSparkListener(failures);
            Executors executors = new Executors(sc);
            var probes = executors.probe(facts.executors());
            facts.tell(
                    "shuffle.memory",
                    probes.values().stream()
                            .mapToLong(probe -> probe.gauges().getOrDefault("memory.limit.bytes", 0L))
                            .max()
                            .orElseThrow());
            Map<String, Long> peaks = new ConcurrentSkipListMap<>();
            int maps = Math.max(1, (int) (((long) facts.number("megabytes") << 20) / MAP_BYTES));
            NoiseRows noise = new NoiseRows(maps, MAP_BYTES / ROW_BYTES, ROW_BYTES, 0);
            long start = System.nanoTime();
            Sampling.during(
                    () -> {
                        long outOfOrder = noise.verify(
                                noise.make(sc).repartitionAndSortWithinPartitions(new HashPartitioner(2 * maps)));
                        Facts.require(outOfOrder == 0, "rows out of order", outOfOrder);
                    },
                    () -> probes.forEach((id, executor) -> facts.memory(executor)
                            .forEach((name, kibibytes) -> peaks.merge(id + "." + name, kibibytes, Math::max))));
            facts.tell("seconds", (System.nanoTime() - start) / 1_000_000_000);
            peaks.forEach(facts::tell);
            failures.tell(facts);
        }
    }
}
