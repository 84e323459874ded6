// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.stream.IntStream;
import org.apache.spark.HashPartitioner;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * Shuffles whose tasks read from several remote executors at once: blocks that are longer than what one transfer brings, wide
 * rows with little direct memory, and an executor that stands still for a while. Arguments: {@code jobs}, their sizes, {@code maps}
 * and {@code executors}.
 */
final class Peers implements Program {
    @Override
    public void run(Facts facts) throws Exception {
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            TaskFailures failures = new TaskFailures();
            sc.sc().addSparkListener(failures);
            Executors executors = new Executors(sc);
            int count = facts.number("executors");
            long victim = executors.probe(count).values().iterator().next().pid();
            for (String job : facts.argument("jobs").split(",", -1)) {
                switch (job) {
                    case "long-blocks" -> verify(facts, sc, Exchange.MOVED);
                    case "combined" -> verify(facts, sc, Exchange.COMBINED);
                    case "wide-rows" -> wideRows(facts, sc);
                    case "pause" -> pauseInTheMiddle(facts, sc, victim);
                    default -> throw new IllegalArgumentException(job);
                }
            }
            failures.tell(facts);
            executors.awaitCount(count);
            facts.tell(
                    "tcp",
                    executors.probe(count).values().stream()
                            .mapToLong(probe -> probe.gauge("read.bytes.tcp"))
                            .sum());
        }
    }

    private enum Exchange {
        MOVED,
        COMBINED
    }

    private static void verify(Facts facts, JavaSparkContext sc, Exchange exchange) {
        NoiseRows noise = new NoiseRows(facts.number("maps"), facts.number("rows"), facts.number("bytes"), 0);
        int reducers = facts.number("reducers");
        JavaPairRDD<Integer, byte[]> made = noise.make(sc).mapPartitionsToPair(rows -> {
            Thread.sleep(500); // so that every executor gets a map
            return rows;
        });
        noise.verify(
                exchange == Exchange.COMBINED
                        ? made.reduceByKey((one, other) -> one, reducers)
                        : made.partitionBy(new HashPartitioner(reducers)));
    }

    private static void wideRows(Facts facts, JavaSparkContext sc) {
        SparkSession spark = SparkSession.builder().sparkContext(sc.sc()).getOrCreate();
        int rows = facts.number("rows");
        String text = "concat("
                + String.join(
                        ",",
                        IntStream.range(0, 8)
                                .mapToObj(i -> "sha2(cast(id + " + i + " as string),512)")
                                .toList())
                + ")";
        String sums = "cast(count(*) as string) || ' ' || sum(id) || ' ' || sum(crc32(t)) || ' ' || sum(length(t))";
        var made = spark.range(0, rows, 1, 16).selectExpr("id", text + " t");
        String read = made.repartition(facts.number("reducers"), made.col("id"))
                .selectExpr(sums)
                .head()
                .getString(0);
        String expected = made.selectExpr(sums).head().getString(0);
        Facts.require(read.equals(expected), "read", read, "expected", expected);
    }

    private static void pauseInTheMiddle(Facts facts, JavaSparkContext sc, long pid) throws InterruptedException {
        Moment moment = new Moment(new Moment.Of(1, 2, 10), () -> pause(facts, pid));
        sc.sc().addSparkListener(moment);
        new VerifiedJob(6, 1000, 50, 2).runAndVerify(sc, "with an executor that stood still");
        moment.awaitHappened();
        sc.sc().removeSparkListener(moment);
    }

    private static void pause(Facts facts, long pid) {
        signal("-STOP", pid);
        try {
            Thread.sleep(facts.number("pause-millis"));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            signal("-CONT", pid);
        }
    }

    private static void signal(String signal, long pid) {
        try {
            int exit = new ProcessBuilder("kill", signal, Long.toString(pid))
                    .start()
                    .waitFor();
            Facts.require(exit == 0, "kill", signal, pid, exit);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
