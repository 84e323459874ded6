// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.LongStream;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;

/**
 * Work of every kind, each disturbed by a fault: results are right every time, what was run again is counted, and nothing is
 * left behind. Runs with Spark's own shuffle, too, to compare the counts.
 */
final class FaultCampaign implements Program {
    private static final long SQL_ROWS = 24_000;
    private static final int SQL_KEYS = 60;

    /** What goes wrong. */
    private enum Fault {
        KILL,
        FREEZE,
        SHORT_CUT,
        LONG_CUT,
        RESET,
        REJECT,
        FULL_DISK,
        SLOW_EXECUTOR
    }

    /** What runs meanwhile. */
    private enum Work {
        SQL(13, 12),
        RDD(13, 20),
        SORT(13, 8),
        STREAM(2, 8);

        /** The first task of a stage that reads what another stage wrote. */
        private final int firstReader;

        /** Tasks that start after it at least. */
        private final int readers;

        Work(int firstReader, int readers) {
            this.firstReader = firstReader;
            this.readers = readers;
        }
    }

    @Override
    public void run(Facts facts) throws Exception {
        SparkSession spark = SparkSession.builder().getOrCreate();
        try {
            JavaSparkContext sc = JavaSparkContext.fromSparkContext(spark.sparkContext());
            Executors executors = new Executors(sc);
            Random random = new Random(facts.number("seed"));
            UDF1<Long, Long> slowly = FaultCampaign::slowly;
            spark.udf().register("slowly", slowly, DataTypes.LongType);
            // Every fault comes once in as many seeds as there are faults, whatever the number of steps is.
            List<Fault> faults = new ArrayList<>(List.of(Fault.values()));
            for (int step = 0; step < facts.number("steps"); step++) {
                Fault fault = faults.get((facts.number("seed") * facts.number("steps") + step) % faults.size());
                Work work = Work.values()[random.nextInt(Work.values().length)];
                List<ExecutorProbe> probes =
                        List.copyOf(executors.probe(facts.executors()).values());
                ExecutorProbe victim = probes.get(random.nextInt(probes.size()));
                int number = step;
                Callable<Void> action = () -> disturb(facts, fault, number, victim, probes);
                Disturbance disturbance = new Disturbance(work.firstReader + random.nextInt(work.readers), action);
                sc.sc().addSparkListener(disturbance);
                work(work, spark, facts, step);
                disturbance.awaitEnd();
                sc.sc().removeSparkListener(disturbance);
                facts.tell("reruns." + fault + "." + step + "." + work, disturbance.reruns());
            }
            if (Boolean.parseBoolean(facts.argument("plugin"))) {
                Map<String, ExecutorProbe> left = executors.cleanAndAwaitQuiet(facts.executors());
                Facts.require(executors.namedSegments(left).isEmpty(), "left", executors.namedSegments(left));
            }
        } finally {
            spark.stop();
        }
    }

    private static Void disturb(Facts facts, Fault fault, int step, ExecutorProbe victim, List<ExecutorProbe> all)
            throws InterruptedException {
        String host = victim.host();
        switch (fault) {
            case KILL -> facts.kill(victim);
            case FREEZE -> forAWhile(facts, host, "freeze", "resume", 20_000);
            case SHORT_CUT -> forAWhile(facts, host, "cut", "restore", 5_000);
            case LONG_CUT -> forAWhile(facts, host, "cut", "restore", 60_000);
            case FULL_DISK -> forAWhile(facts, host, "fill-disk", "free-disk", 5_000);
            case SLOW_EXECUTOR -> {
                facts.ask("stop", host, victim.pid());
                Thread.sleep(8_000);
                facts.ask("continue", host, victim.pid());
            }
            case RESET -> facts.tell("connections." + fault + "." + step, reset(facts, host, all));
            case REJECT -> {
                List<String> peers = peers(host, all);
                peers.forEach(peer -> facts.ask("reject", host, peer));
                Thread.sleep(5_000);
                peers.forEach(peer -> facts.ask("accept", host, peer));
            }
        }
        return null;
    }

    private static List<String> peers(String host, List<ExecutorProbe> all) {
        return all.stream()
                .map(ExecutorProbe::host)
                .filter(peer -> !peer.equals(host))
                .toList();
    }

    /** Returns how many connections between executors were open. */
    private static int reset(Facts facts, String host, List<ExecutorProbe> all) {
        return peers(host, all).stream()
                .mapToInt(peer -> Integer.parseInt(facts.ask("reset", host, peer)))
                .sum();
    }

    private static void forAWhile(Facts facts, String host, String begin, String end, long millis)
            throws InterruptedException {
        facts.ask(begin, host, "-");
        Thread.sleep(millis);
        facts.ask(end, host, "-");
    }

    private static void work(Work work, SparkSession spark, Facts facts, int step) throws Exception {
        switch (work) {
            case SQL -> sql(spark);
            case RDD -> {
                JavaSparkContext sc = JavaSparkContext.fromSparkContext(spark.sparkContext());
                new VerifiedJob(12, 500, 300, step).runAndVerify(sc, "step " + step);
            }
            case SORT -> sort(JavaSparkContext.fromSparkContext(spark.sparkContext()), step);
            case STREAM ->
                StreamBreadth.verify(spark, Path.of(facts.argument("folder")).resolve("stream-" + step));
        }
    }

    private static void sort(JavaSparkContext sc, int step) {
        NoiseRows noise = new NoiseRows(12, 500, 400, step);
        long outOfOrder = noise.verify(
                pausing(pausing(noise.make(sc)).repartitionAndSortWithinPartitions(new HashPartitioner(12))));
        Facts.require(outOfOrder == 0, "rows out of order", outOfOrder);
    }

    private static JavaPairRDD<Integer, byte[]> pausing(JavaPairRDD<Integer, byte[]> rows) {
        return rows.mapPartitionsToPair(
                partition -> {
                    Thread.sleep(300);
                    return partition;
                },
                true);
    }

    /** A join and an aggregation whose plan AQE changes while they run. */
    private static void sql(SparkSession spark) {
        spark.conf().set("spark.sql.adaptive.enabled", "true");
        spark.conf().set("spark.sql.autoBroadcastJoinThreshold", "-1");
        spark.conf().set("spark.sql.adaptive.coalescePartitions.enabled", "false");
        spark.conf().set("spark.sql.shuffle.partitions", "16");
        spark.range(0, SQL_ROWS, 1, 8)
                .selectExpr("id", "slowly(id) % " + SQL_KEYS + " AS k")
                .createOrReplaceTempView("facts");
        spark.range(0, SQL_KEYS, 1, 4).selectExpr("id AS k", "id * 3 AS w").createOrReplaceTempView("weights");
        Map<Long, Long> expected = new TreeMap<>();
        LongStream.range(0, SQL_ROWS).forEach(id -> expected.merge(id % SQL_KEYS, id + id % SQL_KEYS * 3, Long::sum));
        Map<Long, Long> actual = new TreeMap<>();
        for (Row row : spark.sql(
                        "SELECT f.k, SUM(slowly(f.id) + w.w) FROM facts f JOIN weights w ON f.k = w.k GROUP BY f.k")
                .collectAsList()) {
            actual.put(row.getLong(0), row.getLong(1));
        }
        Facts.require(expected.equals(actual), "sql", "expected", expected, "actual", actual);
    }

    /** Returns its argument; a task of a thousand rows takes a second. */
    private static Long slowly(Long id) throws InterruptedException {
        if (id % 100 == 0) {
            Thread.sleep(100);
        }
        return id;
    }
}
