// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;

/** A stream whose sums live in a state store from one micro-batch to the next. */
final class StreamBreadth {
    private static final int FILES = 3;
    private static final int ROWS_PER_FILE = 1_000;
    private static final int KEYS = 50;

    private StreamBreadth() {}

    /** Returns the micro-batches that had rows. */
    static long verify(SparkSession spark, Path folder) throws Exception {
        Path input = Files.createDirectories(folder.resolve("input"));
        Map<Integer, Long> expected = new TreeMap<>();
        for (int file = 0; file < FILES; file++) {
            write(input.resolve(file + ".csv"), file, expected);
        }
        spark.conf().set("spark.sql.shuffle.partitions", "3");
        StreamingQuery query = spark.readStream()
                .schema("k INT, v BIGINT")
                .option("maxFilesPerTrigger", 1)
                .csv(input.toString())
                .groupBy("k")
                .agg(functions.sum("v"))
                .writeStream()
                .format("memory")
                .queryName("sums")
                .outputMode("complete")
                .option("checkpointLocation", folder.resolve("checkpoint").toString())
                .trigger(Trigger.AvailableNow())
                .start();
        query.awaitTermination();
        Map<Integer, Long> actual = new TreeMap<>();
        for (Row row : spark.table("sums").collectAsList()) {
            actual.put(row.getInt(0), row.getLong(1));
        }
        Facts.require(expected.equals(actual), "stream", "expected", expected, "actual", actual);
        return Arrays.stream(query.recentProgress())
                .filter(progress -> progress.numInputRows() > 0)
                .count();
    }

    private static void write(Path file, int seed, Map<Integer, Long> sums) throws IOException {
        Random random = new Random(seed);
        List<String> lines = new ArrayList<>();
        for (int row = 0; row < ROWS_PER_FILE; row++) {
            int key = random.nextInt(KEYS);
            long value = random.nextInt();
            sums.merge(key, value, Long::sum);
            lines.add(key + "," + value);
        }
        Files.write(file, lines, StandardCharsets.UTF_8);
    }
}
