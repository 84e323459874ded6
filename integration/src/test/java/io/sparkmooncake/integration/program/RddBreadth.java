// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.BinaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.Serializer;
import scala.Tuple2;

/** The pair functions of RDDs, each compared with what plain Java makes of the same rows. */
final class RddBreadth {
    private static final int TASKS = 4;
    private static final int ROWS_PER_TASK = 4_000;
    private static final int KEYS = 300;
    private static final int PARTITIONS = 5;

    private RddBreadth() {}

    static void verify(JavaSparkContext sc) {
        sortByKey(sc);
        aggregateByKey(sc);
        cogroup(sc);
        groupByKey(sc, new JavaSerializer(sc.getConf()));
        groupByKey(sc, new KryoSerializer(sc.getConf()));
    }

    private static void sortByKey(JavaSparkContext sc) {
        List<Integer> sorted = rows(sc, 1)
                .mapToPair(row -> new Tuple2<>(row._2(), row._1()))
                .sortByKey(true, PARTITIONS)
                .keys()
                .collect();
        List<Integer> expected = rows(1).map(Tuple2::_2).sorted().toList();
        Facts.require(sorted.equals(expected), "sortByKey gave rows=" + sorted.size() + " of " + expected.size());
    }

    private static void aggregateByKey(JavaSparkContext sc) {
        Map<String, Long> sums = rows(sc, 2)
                .aggregateByKey(0L, PARTITIONS, (sum, value) -> sum + value, Long::sum)
                .collectAsMap();
        same("aggregateByKey", sums(2), sums);
    }

    private static void cogroup(JavaSparkContext sc) {
        Map<String, String> both = rows(sc, 3)
                .cogroup(rows(sc, 4).filter(row -> !row._1().endsWith("7")), PARTITIONS)
                .mapValues(groups -> sum(groups._1()) + "/" + sum(groups._2()))
                .collectAsMap();
        Map<String, String> expected = new TreeMap<>();
        Map<String, Long> right = sums(4);
        sums(3).forEach((key, sum) ->
                expected.put(key, sum + "/" + (key.endsWith("7") ? 0L : right.getOrDefault(key, 0L))));
        same("cogroup", expected, both);
    }

    /** A groupByKey that names its serializer. */
    private static void groupByKey(JavaSparkContext sc, Serializer serializer) {
        Map<String, String> groups = rows(sc, 5)
                .<List<Integer>>combineByKey(
                        value -> new ArrayList<>(List.of(value)),
                        RddBreadth::with,
                        RddBreadth::joined,
                        new HashPartitioner(PARTITIONS),
                        false,
                        serializer)
                .mapValues(values -> values.stream().sorted().toList().toString())
                .collectAsMap();
        Map<String, List<Integer>> lists = new TreeMap<>();
        rows(5).forEach(row ->
                lists.computeIfAbsent(row._1(), key -> new ArrayList<>()).add(row._2()));
        Map<String, String> expected = new TreeMap<>();
        lists.forEach((key, values) ->
                expected.put(key, values.stream().sorted().toList().toString()));
        same("groupByKey with " + serializer, expected, groups);
    }

    private static List<Integer> with(List<Integer> values, Integer value) {
        values.add(value);
        return values;
    }

    private static List<Integer> joined(List<Integer> left, List<Integer> right) {
        left.addAll(right);
        return left;
    }

    private static long sum(Iterable<Integer> values) {
        return StreamSupport.stream(values.spliterator(), false)
                .mapToLong(Integer::longValue)
                .sum();
    }

    private static Map<String, Long> sums(int seed) {
        Map<String, Long> sums = new TreeMap<>();
        BinaryOperator<Long> plus = Long::sum;
        rows(seed).forEach(row -> sums.merge(row._1(), row._2().longValue(), plus));
        return sums;
    }

    private static <V> void same(String what, Map<String, V> expected, Map<String, V> actual) {
        Facts.require(expected.equals(actual), what, "expected", expected, "actual", new TreeMap<>(actual));
    }

    private static JavaPairRDD<String, Integer> rows(JavaSparkContext sc, int seed) {
        return sc.parallelize(IntStream.range(0, TASKS).boxed().toList(), TASKS)
                .flatMapToPair(task -> rows(seed, task).iterator());
    }

    private static Stream<Tuple2<String, Integer>> rows(int seed) {
        return IntStream.range(0, TASKS).boxed().flatMap(task -> rows(seed, task));
    }

    private static Stream<Tuple2<String, Integer>> rows(int seed, int task) {
        Random random = new Random(seed * 1_000_003L + task);
        return IntStream.range(0, ROWS_PER_TASK)
                .mapToObj(row -> new Tuple2<>("key-" + random.nextInt(KEYS), random.nextInt()));
    }
}
