// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongUnaryOperator;
import java.util.stream.LongStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Queries whose plans change while they run (AQE), so that shuffles are read in every way SQL reads them; each compared with
 * what plain Java makes of the same rows.
 *
 * @param spark where they run
 */
record SqlBreadth(SparkSession spark) {
    private static final long BIG_ROWS = 40_000;
    private static final long SMALL_ROWS = 2_000;

    void verify() {
        spark.range(0, BIG_ROWS, 1, 8)
                .selectExpr("id", "IF(id % 10 < 7, 0, id % 100) AS k", "id * 3 AS v")
                .createOrReplaceTempView("big");
        spark.range(0, SMALL_ROWS, 1, 4).selectExpr("id % 100 AS k", "id AS w").createOrReplaceTempView("small");
        set("spark.sql.adaptive.enabled", "true");
        set("spark.sql.autoBroadcastJoinThreshold", "-1");
        set("spark.sql.adaptive.autoBroadcastJoinThreshold", "-1");
        coalescedPartitions();
        reusedExchange();
        localRead();
        skewedJoin();
    }

    private void coalescedPartitions() {
        set("spark.sql.shuffle.partitions", "40");
        Map<Long, Long> expected = new TreeMap<>();
        LongStream.range(0, BIG_ROWS).forEach(id -> expected.merge(bigKey(id), id * 3, Long::sum));
        query("SELECT k, SUM(v) FROM big GROUP BY k", expected, "AQEShuffleRead coalesced");
    }

    private void reusedExchange() {
        Map<Long, Long> expected = new TreeMap<>();
        LongStream.range(0, BIG_ROWS).forEach(id -> expected.merge(bigKey(id), id * 6, Long::sum));
        query(
                "WITH sums AS (SELECT k, SUM(v) AS s FROM big GROUP BY k) "
                        + "SELECT a.k, a.s + b.s FROM sums a JOIN sums b ON a.k = b.k",
                expected,
                "ReusedExchange");
    }

    /** A join that turns out to be small enough for a broadcast after both of its sides were shuffled. */
    private void localRead() {
        set("spark.sql.shuffle.partitions", "8");
        set("spark.sql.adaptive.autoBroadcastJoinThreshold", "1m");
        query(
                "SELECT l.id % 11, SUM(l.v * r.w) FROM big l JOIN small r ON l.k = r.k WHERE r.w < 50 GROUP BY l.id % 11",
                joined(50, id -> id % 11), "AQEShuffleRead local");
        set("spark.sql.adaptive.autoBroadcastJoinThreshold", "-1");
    }

    private void skewedJoin() {
        set("spark.sql.adaptive.skewJoin.skewedPartitionFactor", "2");
        set("spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes", "32k");
        set("spark.sql.adaptive.advisoryPartitionSizeInBytes", "64k");
        query(
                "SELECT l.id % 7, SUM(l.v * r.w) FROM big l JOIN small r ON l.k = r.k GROUP BY l.id % 7",
                joined(SMALL_ROWS, id -> id % 7), "skewed");
    }

    private void set(String key, String value) {
        spark.conf().set(key, value);
    }

    private static long bigKey(long id) {
        return id % 10 < 7 ? 0 : id % 100;
    }

    /** Sums of v * w over the join with the first {@code smallRows} of the small side. */
    private static Map<Long, Long> joined(long smallRows, LongUnaryOperator group) {
        Map<Long, Long> weights = new TreeMap<>();
        LongStream.range(0, smallRows).forEach(id -> weights.merge(id % 100, id, Long::sum));
        Map<Long, Long> sums = new TreeMap<>();
        for (long id = 0; id < BIG_ROWS; id++) {
            Long weight = weights.get(bigKey(id));
            if (weight != null) {
                sums.merge(group.applyAsLong(id), id * 3 * weight, Long::sum);
            }
        }
        return sums;
    }

    /** Runs a query of a key and a number, and looks for words in the plan that it ended with. */
    private void query(String text, Map<Long, Long> expected, String planned) {
        Dataset<Row> query = spark.sql(text);
        List<Row> rows = new ArrayList<>(query.collectAsList());
        Map<Long, Long> actual = new TreeMap<>();
        rows.forEach(row -> actual.merge(row.getLong(0), row.getLong(1), Long::sum));
        Facts.require(
                rows.size() == expected.size() && actual.equals(expected),
                text,
                "expected",
                expected,
                "actual",
                actual);
        String plan = ((org.apache.spark.sql.classic.Dataset<Row>) query)
                .queryExecution()
                .executedPlan()
                .toString();
        Facts.require(plan.contains(planned), text, "has no '" + planned + "' in its plan", plan);
    }
}
