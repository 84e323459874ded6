// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import scala.Tuple2;

/**
 * {@code repartitionAndSortWithinPartitions} of wide rows that compress well, more of them than an executor's heap holds: vectors
 * that are mostly zero, or maps of boxed values.
 */
final class WideSort implements Program {
    private static final int MAPS = 8;
    private static final int PARTITIONS = 2;

    @Override
    public void run(Facts facts) {
        int width = facts.number("width");
        SparkSession spark = SparkSession.builder().getOrCreate();
        try {
            JavaSparkContext sc = JavaSparkContext.fromSparkContext(spark.sparkContext());
            for (String kind : List.of("vector", "boxes")) {
                if (facts.number(kind) > 0) {
                    sort(sc, kind, facts.number(kind), width);
                    facts.tell(kind, facts.number(kind));
                }
            }
        } finally {
            spark.stop();
        }
    }

    private static void sort(JavaSparkContext sc, String kind, int rows, int width) {
        boolean vectors = kind.equals("vector");
        List<long[]> found = sc.parallelize(IntStream.range(0, MAPS).boxed().toList(), MAPS)
                .flatMapToPair(map -> rows(map, rows, width, vectors))
                .repartitionAndSortWithinPartitions(new HashPartitioner(PARTITIONS))
                .mapPartitions(WideSort::check)
                .collect();
        long count = found.stream().mapToLong(part -> part[0]).sum();
        long sum = found.stream().mapToLong(part -> part[1]).sum();
        long outOfOrder = found.stream().mapToLong(part -> part[2]).sum();
        Facts.require(count == (long) MAPS * rows, "rows expected", (long) MAPS * rows, "found", count);
        Facts.require(outOfOrder == 0, "rows out of order", outOfOrder);
        Facts.require(sum == MAPS * sumOfMap(rows, width, vectors), "sum", sum, "of kind", kind);
    }

    private static Iterator<Tuple2<Long, Object>> rows(int map, int rows, int width, boolean vectors) {
        Random random = new Random(map);
        return IntStream.range(0, rows)
                .mapToObj(row -> new Tuple2<>(
                        ((long) random.nextInt(1 << 30)) << 8 | map,
                        vectors ? (Object) vector(row, width) : boxes(row, width)))
                .iterator();
    }

    private static double[] vector(int row, int width) {
        double[] vector = new double[width];
        vector[(row * 31) % width] = row;
        return vector;
    }

    private static Map<String, Integer> boxes(int row, int width) {
        Map<String, Integer> boxes = new HashMap<>();
        IntStream.range(0, width).forEach(i -> boxes.put("k" + i, (row + i) & 63));
        return boxes;
    }

    private static long sumOfMap(int rows, int width, boolean vectors) {
        return IntStream.range(0, rows)
                .mapToLong(row -> vectors
                        ? row
                        : IntStream.range(0, width)
                                .mapToLong(i -> (row + i) & 63)
                                .sum())
                .sum();
    }

    /** Returns rows, their sum, and how many are out of order. */
    private static Iterator<long[]> check(Iterator<Tuple2<Long, Object>> rows) {
        long[] facts = new long[3];
        long last = Long.MIN_VALUE;
        while (rows.hasNext()) {
            Tuple2<Long, Object> row = rows.next();
            facts[0]++;
            facts[2] += row._1() < last ? 1 : 0;
            last = row._1();
            if (row._2() instanceof double[] vector) {
                for (double value : vector) {
                    facts[1] += (long) value;
                }
            } else {
                for (Object value : ((Map<?, ?>) row._2()).values()) {
                    facts[1] += (Integer) value;
                }
            }
        }
        return Collections.singletonList(facts).iterator();
    }
}
