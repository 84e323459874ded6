// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.ShuffledRDD;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.serializer.Serializer;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import scala.Tuple2;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/**
 * Shuffles near the limits: one record of 200 MiB, one partition of more than 2 GiB, 16 million partitions. Tells the bytes that
 * map tasks wrote in each step.
 */
final class Sizes implements Program {
    private static final int MIB = 1 << 20;
    private static final int RECORD_BYTES = 200 * MIB;
    private static final int TEXT_CHARS = 100 * MIB;
    private static final int[] PARTITION_MIB = {2_200, 100};
    private static final int MAPS = 2;

    @Override
    public void run(Facts facts) throws Exception {
        SparkSession spark = SparkSession.builder().getOrCreate();
        try {
            JavaSparkContext sc = JavaSparkContext.fromSparkContext(spark.sparkContext());
            Executors executors = new Executors(sc);
            long written = written(executors.probe(facts.executors()));
            for (String step : facts.argument("steps").split(",", -1)) {
                long start = System.nanoTime();
                switch (step) {
                    case "kryo-record" -> bigRecord(sc, new KryoSerializer(sc.getConf()));
                    case "java-record" -> bigRecord(sc, new JavaSerializer(sc.getConf()));
                    case "sql-row" -> bigRow(spark);
                    case "partition" -> bigPartition(sc);
                    default -> manyPartitions(sc, Integer.parseInt(step));
                }
                long before = written;
                written = written(executors.cleanAndAwaitQuiet(facts.executors()));
                facts.tell(step, written - before);
                facts.tell(step + ".millis", (System.nanoTime() - start) / 1_000_000);
            }
        } finally {
            spark.stop();
        }
    }

    private static long written(Map<String, ExecutorProbe> probes) {
        return probes.values().stream()
                .mapToLong(probe -> probe.gauge("write.bytes.memory") + probe.gauge("write.bytes.disk"))
                .sum();
    }

    /** Each map task writes a large record between two small ones. */
    private static void bigRecord(JavaSparkContext sc, Serializer serializer) {
        JavaPairRDD<Integer, byte[]> rows = rows(sc, task -> records(task));
        verify(
                "a record of bytes=" + RECORD_BYTES + " with " + serializer,
                maps().flatMap(Sizes::records),
                shuffled(rows, 2, serializer));
    }

    private static Stream<Tuple2<Integer, byte[]>> records(int task) {
        return IntStream.range(3 * task, 3 * task + 3)
                .mapToObj(key -> new Tuple2<>(key, Noise.bytes(key % 3 == 1 ? RECORD_BYTES : 100, key)));
    }

    /** Partition 0 has more than 2 GiB, nearly all of it from one map task; its neighbours have a little. */
    private static void bigPartition(JavaSparkContext sc) {
        JavaPairRDD<Integer, byte[]> rows = rows(sc, task -> mebibytes(task));
        verify(
                "a large partition",
                maps().flatMap(Sizes::mebibytes),
                shuffled(rows, 3, new KryoSerializer(sc.getConf())));
    }

    private static Stream<Tuple2<Integer, byte[]>> mebibytes(int task) {
        return IntStream.range(0, PARTITION_MIB[task])
                .mapToObj(row -> new Tuple2<>(row % 100 == 99 ? 1 + task : 0, Noise.bytes(MIB, 31L * row + task)));
    }

    /** A handful of rows among {@code partitions}; their partitions and an empty one are read. */
    private static void manyPartitions(JavaSparkContext sc, int partitions) {
        int[] keys = {0, 1, partitions / 2, partitions - 2, partitions - 1};
        int empty = partitions / 3;
        JavaPairRDD<Integer, byte[]> rows = rows(sc, task -> scattered(keys, task));
        List<Tuple2<Integer, byte[]>>[] found = shuffled(rows, partitions, new KryoSerializer(sc.getConf()))
                .collectPartitions(IntStream.concat(IntStream.of(keys), IntStream.of(empty))
                        .toArray());
        Facts.require(found[keys.length].isEmpty(), "partition", empty, "of", partitions, "has rows");
        for (int i = 0; i < keys.length; i++) {
            int[] key = {keys[i]};
            same(
                    "partition " + keys[i] + " of " + partitions,
                    maps().flatMap(task -> scattered(key, task)).map(Sizes::line),
                    found[i].stream().map(Sizes::line));
        }
    }

    private static Stream<Tuple2<Integer, byte[]>> scattered(int[] keys, int task) {
        return IntStream.of(keys).mapToObj(key -> new Tuple2<>(key, Noise.bytes(1_000, key + 7L * task)));
    }

    private static void bigRow(SparkSession spark) {
        List<String> rows = spark
                .range(0, MAPS, 1, MAPS)
                .selectExpr("id", "REPEAT(CHAR(97 + id), " + TEXT_CHARS + ") AS text")
                .repartition(3, functions.col("id"))
                .selectExpr("id", "CRC32(CAST(text AS BINARY))")
                .collectAsList()
                .stream()
                .map(row -> row.getLong(0) + " " + row.getLong(1))
                .toList();
        same("a row of chars=" + TEXT_CHARS, LongStream.range(0, MAPS).mapToObj(Sizes::text), rows.stream());
    }

    private static String text(long id) {
        CRC32 crc = new CRC32();
        crc.update(Character.toString((char) ('a' + id)).repeat(TEXT_CHARS).getBytes(StandardCharsets.US_ASCII));
        return id + " " + crc.getValue();
    }

    private static Stream<Integer> maps() {
        return IntStream.range(0, MAPS).boxed();
    }

    private interface Rows extends IntFunction<Stream<Tuple2<Integer, byte[]>>>, Serializable {}

    private static JavaPairRDD<Integer, byte[]> rows(JavaSparkContext sc, Rows ofTask) {
        return sc.parallelize(maps().toList(), MAPS)
                .flatMapToPair(task -> ofTask.apply(task).iterator());
    }

    private static JavaRDD<Tuple2<Integer, byte[]>> shuffled(
            JavaPairRDD<Integer, byte[]> rows, int partitions, Serializer serializer) {
        ClassTag<Integer> keys = ClassTag$.MODULE$.apply(Integer.class);
        ClassTag<byte[]> values = ClassTag$.MODULE$.apply(byte[].class);
        return new ShuffledRDD<Integer, byte[], byte[]>(
                        rows.rdd(), new HashPartitioner(partitions), keys, values, values)
                .setSerializer(serializer)
                .toJavaRDD();
    }

    private static void verify(
            String what, Stream<Tuple2<Integer, byte[]>> expected, JavaRDD<Tuple2<Integer, byte[]>> actual) {
        same(what, expected.map(Sizes::line), actual.map(Sizes::line).collect().stream());
    }

    private static String line(Tuple2<Integer, byte[]> row) {
        return row._1() + " " + row._2().length + " " + Noise.checksum(row._2());
    }

    private static void same(String what, Stream<String> expected, Stream<String> actual) {
        List<String> wanted = expected.sorted().toList();
        List<String> found = actual.sorted().toList();
        Facts.require(
                wanted.equals(found),
                what,
                "rows expected " + wanted.size() + ", found " + found.size(),
                "missing "
                        + wanted.stream()
                                .filter(line -> !found.contains(line))
                                .limit(5)
                                .toList(),
                "unexpected "
                        + found.stream()
                                .filter(line -> !wanted.contains(line))
                                .limit(5)
                                .toList());
    }
}
