// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoder;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import scala.Tuple4;

/**
 * A map stage whose rows depend on the attempt, and an executor that dies when most tasks of the next stage are done: the map
 * tasks that ran there run again and send their rows elsewhere. A row is (id, map task, generation, place); it is in its
 * partition by its place or by its position, and either differs between generations. So what was read before the kill fits
 * what is read afterwards only where Spark throws the former away: otherwise ids are missing and others there twice.
 */
final class IndeterminateRetry implements Program {
    private static final int MAPS = 6;
    private static final int READERS = 12;
    private static final int ROWS = 6_000;
    private static final int KILL_AT_READER = 8;
    private static final long MAP_MILLIS = 60;
    private static final long READER_MILLIS = 150;
    private static final String CHECKSUMS = "spark.sql.shuffle.orderIndependentChecksum.";
    private static final Encoder<Tuple4<Long, Integer, Integer, Integer>> ROW =
            Encoders.tuple(Encoders.LONG(), Encoders.INT(), Encoders.INT(), Encoders.INT());

    /** How rows get their partition. */
    private enum Exchange {
        /** By a value that the generation changes; Spark's scheduler takes the stage for determinate. */
        BY_PLACE,
        /** By position without a sort, in an order that the generation changes; the scheduler knows that this is indeterminate. */
        ROUND_ROBIN
    }

    @Override
    public void run(Facts facts) throws Exception {
        Exchange exchange = Exchange.valueOf(facts.argument("exchange"));
        SparkSession spark = SparkSession.builder().getOrCreate();
        try {
            for (String step : facts.argument("steps").split(",", -1)) {
                switch (step) {
                    case "row-checksums" -> RowChecksums.tell(facts, spark);
                    case "stages" -> run(facts, "", spark, exchange);
                    case "result-stage" -> tellOfResultStage(facts, spark, exchange);
                    case "unchecked" -> {
                        spark.conf().set(CHECKSUMS + "enabled", "false");
                        spark.conf().set(CHECKSUMS + "enableFullRetryOnMismatch", "false");
                        run(facts, "unchecked.", spark, exchange);
                    }
                    default -> throw new IllegalArgumentException("no step " + step);
                }
            }
        } finally {
            spark.stop();
        }
    }

    private static void run(Facts facts, String prefix, SparkSession spark, Exchange exchange) throws Exception {
        StageReruns reruns = new StageReruns();
        int readingStage = readingStage(exchange);
        var query = read(spark, exchange).repartition(3, functions.col("_1"));
        tell(facts, prefix, collect(facts, spark, query, readingStage, reruns));
        facts.tell(prefix + "map-tasks-run-again", reruns.of(readingStage - 1));
        facts.tell(prefix + "reading-tasks-run-again", reruns.of(readingStage));
    }

    /** Its position in the job; the map stage is the one before it. */
    private static int readingStage(Exchange exchange) {
        return exchange == Exchange.ROUND_ROBIN ? 2 : 1;
    }

    private static Dataset<Tuple4<Long, Integer, Integer, Integer>> read(SparkSession spark, Exchange exchange) {
        Dataset<Long> ids = spark.range(0, ROWS, 1, MAPS);
        MapPartitionsFunction<Long, Tuple4<Long, Integer, Integer, Integer>> make = IndeterminateRetry::rows;
        Dataset<Tuple4<Long, Integer, Integer, Integer>> exchanged = exchange == Exchange.ROUND_ROBIN
                ? ids.repartition(MAPS, functions.col("id"))
                        .mapPartitions(make, ROW)
                        .repartition(READERS)
                : ids.mapPartitions(make, ROW).repartition(READERS, functions.col("_4"));
        MapPartitionsFunction<Tuple4<Long, Integer, Integer, Integer>, Tuple4<Long, Integer, Integer, Integer>> pause =
                rows -> {
                    Thread.sleep(READER_MILLIS);
                    return rows;
                };
        return exchanged.mapPartitions(pause, ROW);
    }

    private static Iterator<Tuple4<Long, Integer, Integer, Integer>> rows(Iterator<Long> ids)
            throws InterruptedException {
        Thread.sleep(MAP_MILLIS);
        int task = TaskContext.getPartitionId();
        int generation = TaskContext.get().stageAttemptNumber();
        List<Tuple4<Long, Integer, Integer, Integer>> rows = new ArrayList<>();
        ids.forEachRemaining(
                id -> rows.add(new Tuple4<>(id, task, generation, id.intValue() + 1_000_003 * generation)));
        Collections.rotate(rows, generation);
        return rows.iterator();
    }

    private static List<Tuple4<Long, Integer, Integer, Integer>> collect(
            Facts facts,
            SparkSession spark,
            Dataset<Tuple4<Long, Integer, Integer, Integer>> query,
            int readingStage,
            StageReruns reruns)
            throws Exception {
        Executors executors = new Executors(JavaSparkContext.fromSparkContext(spark.sparkContext()));
        ExecutorProbe victim =
                executors.probe(facts.executors()).values().iterator().next();
        Moment moment = new Moment(new Moment.Of(readingStage, KILL_AT_READER, 20), () -> facts.kill(victim));
        spark.sparkContext().addSparkListener(moment);
        spark.sparkContext().addSparkListener(reruns);
        try {
            return query.collectAsList();
        } finally {
            moment.awaitHappened();
            spark.sparkContext().listenerBus().waitUntilEmpty(60_000);
            spark.sparkContext().removeSparkListener(moment);
            spark.sparkContext().removeSparkListener(reruns);
        }
    }

    private static void tell(Facts facts, String prefix, List<Tuple4<Long, Integer, Integer, Integer>> rows) {
        Set<Long> ids = new TreeSet<>();
        Map<Integer, Set<Integer>> generations = new TreeMap<>();
        for (Tuple4<Long, Integer, Integer, Integer> row : rows) {
            ids.add(row._1());
            generations.computeIfAbsent(row._2(), task -> new TreeSet<>()).add(row._3());
        }
        facts.tell(prefix + "lost", ROWS - ids.size());
        facts.tell(prefix + "duplicated", rows.size() - ids.size());
        facts.tell(prefix + "generations", generations);
        facts.tell(
                prefix + "mixed-map-tasks",
                generations.values().stream().filter(of -> of.size() > 1).count());
        facts.tell(
                prefix + "map-tasks-of-another-generation",
                generations.values().stream()
                        .filter(of -> !of.equals(Set.of(0)))
                        .count());
    }

    /** What a job has given to its caller cannot be thrown away: it has to fail. */
    private static void tellOfResultStage(Facts facts, SparkSession spark, Exchange exchange) throws Exception {
        var query = read(spark, exchange);
        try {
            List<?> rows = collect(facts, spark, query, readingStage(exchange), new StageReruns());
            facts.tell("result-stage", "passed with rows=" + rows.size());
        } catch (RuntimeException failure) {
            facts.tellFailure("result-stage", failure);
        } catch (Exception failure) {
            Facts.require(failure.getClass().getName().startsWith("org.apache.spark."), failure);
            facts.tellFailure("result-stage", failure);
        }
    }
}
