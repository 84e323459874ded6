// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import scala.Tuple2;

/**
 * Rows of noise, each decided by its key, so that the task that reads a row verifies it.
 *
 * @param maps how many tasks make them
 * @param rows how many each of these tasks makes
 * @param bytes length of a row
 * @param seed decides the keys; no two rows of one seed have the same
 */
record NoiseRows(int maps, int rows, int bytes, int seed) implements Serializable {
    /** Odd, so that different numbers have different keys; those of successive rows are far apart. */
    private static final int SCATTER = 0x9E3779B1;

    JavaPairRDD<Integer, byte[]> make(JavaSparkContext sc) {
        return sc.parallelize(IntStream.range(0, maps).boxed().toList(), maps)
                .flatMapToPair(map -> IntStream.range(map * rows, (map + 1) * rows)
                        .map(this::key)
                        .mapToObj(key -> new Tuple2<>(key, Noise.bytes(bytes, key)))
                        .iterator());
    }

    private int key(int number) {
        return (seed * maps * rows + number) * SCATTER;
    }

    /** Reads all rows, fails if they are not those that were made, and returns how many are less than the row before. */
    long verify(JavaPairRDD<Integer, byte[]> read) {
        long[] found = read.mapPartitions(this::tally)
                .reduce((one, other) -> new long[] {one[0] + other[0], one[1] + other[1], one[2] + other[2]});
        long count = (long) maps * rows;
        long sum = LongStream.range(0, count).map(number -> key((int) number)).sum();
        Facts.require(
                found[0] == count && found[1] == sum, "rows", found[0], "of", count, "keys", found[1], "of", sum, this);
        return found[2];
    }

    private Iterator<long[]> tally(Iterator<Tuple2<Integer, byte[]>> partition) {
        long[] tally = new long[3];
        int last = Integer.MIN_VALUE;
        while (partition.hasNext()) {
            Tuple2<Integer, byte[]> row = partition.next();
            int key = row._1();
            Facts.require(Noise.checksum(row._2()) == Noise.checksum(Noise.bytes(bytes, key)), "row", key, this);
            tally[0]++;
            tally[1] += key;
            tally[2] += key < last ? 1 : 0;
            last = key;
        }
        return List.of(tally).iterator();
    }
}
