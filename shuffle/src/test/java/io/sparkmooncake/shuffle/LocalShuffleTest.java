// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import scala.Tuple2;

class LocalShuffleTest {
    private static final String KRYO = "org.apache.spark.serializer.KryoSerializer";
    private static final String JAVA = "org.apache.spark.serializer.JavaSerializer";

    @TempDir
    Path directory;

    /** Every way through writer and reader: serializer × compression × encryption × memory or disk. */
    @ParameterizedTest
    @CsvSource({
        KRYO + ",false,false,64", JAVA + ",false,false,64", KRYO + ",true,false,64", JAVA + ",true,false,64",
        KRYO + ",false,true,64", JAVA + ",true,true,64", KRYO + ",false,false,0", JAVA + ",true,true,0",
    })
    void sumsGroupsAndSortsLikeASequentialProgram(
            String serializer, boolean compress, boolean encrypt, int memoryMebibytes) {
        Map<String, String> settings = new HashMap<>();
        settings.put("spark.serializer", serializer);
        settings.put("spark.mooncake.shuffle.compress", Boolean.toString(compress));
        settings.put("spark.io.encryption.enabled", Boolean.toString(encrypt));
        settings.put("spark.mooncake.shuffle.write.buffer", "64k");
        try (LocalShuffle local = new LocalShuffle(directory, Math.max(1, memoryMebibytes << 20), settings)) {
            JavaSparkContext context = new JavaSparkContext(local.spark().sparkContext());
            List<Integer> numbers = IntStream.range(0, 50_000).boxed().toList();
            JavaPairRDD<Integer, Integer> pairs =
                    context.parallelize(numbers, 5).mapToPair(n -> new Tuple2<>(n * 31 % 1009, n));
            Map<Integer, Long> expectedSums = new HashMap<>();
            numbers.forEach(n -> expectedSums.merge(n * 31 % 1009, (long) n, Long::sum));

            Map<Integer, Long> sums =
                    pairs.mapValues(n -> (long) n).reduceByKey(Long::sum, 13).collectAsMap();
            assertThat(sums).isEqualTo(expectedSums);

            Map<Integer, Integer> sizes = pairs.groupByKey(4)
                    .mapValues(values -> {
                        List<Integer> all = new ArrayList<>();
                        values.forEach(all::add);
                        return all.size();
                    })
                    .collectAsMap();
            assertThat(sizes.values().stream().mapToInt(Integer::intValue).sum())
                    .isEqualTo(50_000);

            List<Integer> sorted =
                    pairs.mapToPair(Tuple2::swap).sortByKey(false, 6).keys().collect();
            assertThat(sorted).hasSize(50_000).isSortedAccordingTo((a, b) -> Integer.compare(b, a));

            long joined = pairs.join(pairs.mapValues(n -> n + 1).distinct(3), 9).count();
            assertThat(joined).isPositive();
            assertThat(local.runtime().store().liveLeases()).isZero();
        }
    }

    @Test
    void joinsAndAggregatesRowsOfSqlWithAdaptiveExecution() {
        try (LocalShuffle local = new LocalShuffle(directory, 64 << 20, Map.of())) {
            Dataset<Row> left = local.spark()
                    .range(0, 200_000, 1, 6)
                    .selectExpr("id", "id % 1000 as k", "repeat('x', int(id % 50)) as s");
            Dataset<Row> right = local.spark().range(0, 1000, 1, 3).selectExpr("id as k", "id * 2 as v");
            List<Row> rows = left.hint("merge")
                    .join(right, "k")
                    .groupBy(functions.expr("k % 10").alias("g"))
                    .agg(
                            functions.sum("v"),
                            functions.count("*"),
                            functions.max("s"),
                            functions.sum(functions.length(functions.col("s"))))
                    .orderBy("g")
                    .collectAsList();
            assertThat(rows).hasSize(10);
            assertThat(rows.get(3).getLong(1))
                    .isEqualTo(200L
                            * IntStream.range(0, 1000)
                                    .filter(k -> k % 10 == 3)
                                    .mapToLong(k -> 2L * k)
                                    .sum());
            assertThat(rows.stream().mapToLong(row -> row.getLong(2)).sum()).isEqualTo(200_000);
        }
    }

    /** A run holds about 600,000 of these records: the first partition has one run, the other has several. */
    @Test
    void sortsWhatFitsIntoOneRunAndWhatDoesNot() {
        try (LocalShuffle local = new LocalShuffle(directory, 64 << 20, Map.of("spark.serializer", KRYO))) {
            JavaSparkContext context = new JavaSparkContext(local.spark().sparkContext());
            int small = 1_000;
            int all = 1_500_000;
            JavaPairRDD<Integer, Integer> sorted = context.parallelize(
                            IntStream.range(0, 4).boxed().toList(), 4)
                    .flatMapToPair(part -> IntStream.range(part * (all / 4), (part + 1) * (all / 4))
                            .mapToObj(n -> new Tuple2<>((int) (n * 7_919L % all), n))
                            .iterator())
                    .repartitionAndSortWithinPartitions(new Split(small));
            List<Tuple2<Integer, Integer>> pairs = sorted.collect();
            assertThat(pairs).hasSize(all);
            for (int key = 0; key < all; key++) {
                Tuple2<Integer, Integer> pair = pairs.get(key);
                assertThat(pair._1()).isEqualTo(key);
                assertThat((int) (pair._2() * 7_919L % all)).isEqualTo(key);
            }
            assertThat(sorted.keys().take(3)).containsExactly(0, 1, 2);
        }
    }

    /** As an operator behind the sort does that needs memory, on the task's thread or on another one of the task. */
    @ParameterizedTest
    @CsvSource({"false", "true"})
    void sortedRecordsMakeRoomForOthersOfTheirTask(boolean otherThread) {
        Map<String, String> settings = Map.of("spark.serializer", KRYO, "spark.io.encryption.enabled", "true");
        try (LocalShuffle local = new LocalShuffle(directory, 64 << 20, settings)) {
            JavaSparkContext context = new JavaSparkContext(local.spark().sparkContext());
            int all = 200_000;
            List<long[]> seen = context.parallelize(
                            IntStream.range(0, all).boxed().toList(), 4)
                    .mapToPair(n -> new Tuple2<>((int) (n * 7_919L % all), Integer.toString(n)))
                    .repartitionAndSortWithinPartitions(new Split(all / 2))
                    .mapPartitions(records -> new Greedy(otherThread).read(records))
                    .collect();
            assertThat(seen).hasSize(2);
            assertThat(seen).allSatisfy(facts -> {
                assertThat(facts[0]).as("records").isEqualTo(all / 2);
                assertThat(facts[1]).as("records out of order").isZero();
                assertThat(facts[2])
                        .as("bytes that the sorted records gave back")
                        .isPositive();
                assertThat(facts[3]).as("bytes spilled").isPositive();
            });
        }
    }

    @Test
    void anExceptionOfTheUsersIteratorKeepsItsType() {
        try (LocalShuffle local = new LocalShuffle(directory, 64 << 20, Map.of("spark.serializer", KRYO))) {
            JavaSparkContext context = new JavaSparkContext(local.spark().sparkContext());
            assertThatThrownBy(() -> context.parallelize(List.of(1, 2), 2)
                            .<Integer>map(n -> {
                                throw new UncheckedIOException("the user's own", new IOException("cause"));
                            })
                            .repartition(2)
                            .count())
                    .hasMessageContaining("java.io.UncheckedIOException: the user's own");
        }
    }

    private static final class Split extends Partitioner {
        private static final long serialVersionUID = 1;
        private final int first;

        Split(int first) {
            this.first = first;
        }

        @Override
        public int numPartitions() {
            return 2;
        }

        @Override
        public int getPartition(Object key) {
            return (Integer) key < first ? 0 : 1;
        }
    }

    @Test
    void carriesRecordsLargerThanAPageAndThanTheWriteBuffer() {
        Map<String, String> settings = Map.of(
                "spark.serializer",
                KRYO,
                "spark.mooncake.shuffle.write.buffer",
                "64k",
                "spark.kryoserializer.buffer.max",
                "512m");
        try (LocalShuffle local = new LocalShuffle(directory, 256 << 20, settings)) {
            JavaSparkContext context = new JavaSparkContext(local.spark().sparkContext());
            List<Tuple2<Integer, Integer>> found = context.parallelizePairs(
                            List.of(new Tuple2<>(1, 1), new Tuple2<>(2, 9_000_000), new Tuple2<>(3, 70_000_001)), 3)
                    .mapToPair(sized -> new Tuple2<>(sized._1(), bytes(sized._2())))
                    .repartition(2)
                    .mapToPair(record -> new Tuple2<>(record._1(), check(record._2())))
                    .sortByKey()
                    .collect();
            assertThat(found).extracting(Tuple2::_2).containsExactly(1, 9_000_000, 70_000_001);
        }
    }

    private static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i * 31 + size);
        }
        return bytes;
    }

    private static int check(byte[] bytes) {
        assertThat(bytes).isEqualTo(bytes(bytes.length));
        return bytes.length;
    }
}
