// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * One application after another, each on three executors with its own way of encoding blocks: codec, encryption of what is stored,
 * encryption of what is sent, serializer, paths. Each shuffles with and without combining on the map side, and rows of SQL; each
 * knows its results.
 */
final class Codecs implements Program {
    private static final long ROWS = 60_000;

    @Override
    public void run(Facts facts) throws Exception {
        for (String combination : facts.argument("combinations").split(";", -1)) {
            long start = System.nanoTime();
            verify(combination, facts.executors());
            facts.tell(combination, (System.nanoTime() - start) / 1_000_000);
        }
    }

    private static void verify(String combination, int executors) throws Exception {
        SparkSession spark = SparkSession.builder().config(conf(combination)).getOrCreate();
        try {
            JavaSparkContext sc = JavaSparkContext.fromSparkContext(spark.sparkContext());
            new Executors(sc).awaitCount(executors);
            new VerifiedJob(executors, 20_000, 0, 1).runAndVerify(sc, combination);
            RddBreadth.verify(sc);
            verifyRows(spark);
        } finally {
            spark.stop();
        }
    }

    private static void verifyRows(SparkSession spark) {
        Row totals = spark.sql("SELECT count(*), sum(n), sum(v), sum(long) FROM (SELECT k, count(*) AS n, sum(v) AS v,"
                        + " sum(length(note)) AS long FROM (SELECT /*+ REPARTITION(7) */ id % 1000 AS k, id AS v,"
                        + " repeat(hex(xxhash64(id)), 20) AS note FROM range(0, " + ROWS + ", 1, 6)) GROUP BY k)")
                .head();
        Facts.require(
                totals.getLong(0) == 1000
                        && totals.getLong(1) == ROWS
                        && totals.getLong(2) == ROWS * (ROWS - 1) / 2
                        && totals.getLong(3) > ROWS * 20,
                "rows gave",
                totals);
    }

    /** For example {@code zstd,stored,sent,Kryo} or {@code none,plain,plain,Java}. */
    private static SparkConf conf(String combination) {
        List<String> choices = List.of(combination.split(",", -1));
        SparkConf conf = new SparkConf();
        if (choices.get(0).equals("none")) {
            conf.set("spark.shuffle.compress", "false");
        } else {
            conf.set("spark.mooncake.shuffle.compress", "true").set("spark.io.compression.codec", choices.get(0));
        }
        if (choices.get(1).equals("stored")) {
            conf.set("spark.io.encryption.enabled", "true");
        }
        if (!choices.get(2).equals("plain")) {
            conf.set("spark.authenticate", "true")
                    .set("spark.authenticate.secret", "codecs")
                    .set(
                            choices.get(2).equals("sasl")
                                    ? "spark.authenticate.enableSaslEncryption"
                                    : "spark.network.crypto.enabled",
                            "true");
        }
        return conf.set("spark.serializer", "org.apache.spark.serializer." + choices.get(3) + "Serializer");
    }
}
