// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.feature.LabeledPoint;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;

/** Rows that a seed decides: the same on both sides and in every run, and made where they are used. */
final class MlData {
    private MlData() {}

    /** Dense rows in {@code [-1, 1)} with a label that the first features decide, with noise. */
    static JavaRDD<LabeledPoint> dense(JavaSparkContext sc, long rows, int features, int partitions) {
        return numbers(sc, rows, partitions).map(row -> {
            SplittableRandom random = new SplittableRandom(row);
            double[] x = new double[features];
            for (int j = 0; j < features; j++) {
                x[j] = 2 * random.nextDouble() - 1;
            }
            return new LabeledPoint(label(x[0] - x[1] + x[2], random), Vectors.dense(x));
        });
    }

    /** Sparse rows of ones and twos at random places. */
    static JavaRDD<LabeledPoint> sparse(JavaSparkContext sc, long rows, int features, int nonZero) {
        return numbers(sc, rows, 2).map(row -> {
            SplittableRandom random = new SplittableRandom(row);
            int[] indices = random.ints(2L * nonZero, 0, features)
                    .distinct()
                    .limit(nonZero)
                    .sorted()
                    .toArray();
            double[] values = new double[indices.length];
            Arrays.setAll(values, i -> 1 + (indices[i] & 1));
            return new LabeledPoint(
                    label(indices[0] < features / (2.0 * nonZero) ? 1 : -1, random),
                    Vectors.sparse(features, indices, values));
        });
    }

    /** Points around {@code clouds} centers. */
    static JavaRDD<Vector> points(JavaSparkContext sc, long rows, int features, int clouds) {
        return points(sc, rows, features, clouds, 2);
    }

    /** As the other one, in so many partitions. */
    static JavaRDD<Vector> points(JavaSparkContext sc, long rows, int features, int clouds, int partitions) {
        return numbers(sc, rows, partitions).map(row -> Vectors.dense(point(row, features, clouds)));
    }

    /** The first points. */
    static double[][] start(int count, int features, int clouds) {
        return LongStream.range(0, count)
                .mapToObj(row -> point(row, features, clouds))
                .toArray(double[][]::new);
    }

    private static double[] point(long row, int features, int clouds) {
        SplittableRandom random = new SplittableRandom(row);
        SplittableRandom center = new SplittableRandom(-1 - random.nextInt(clouds));
        double[] x = new double[features];
        for (int j = 0; j < features; j++) {
            x[j] = 2 * center.nextDouble() + random.nextDouble() + random.nextDouble();
        }
        return x;
    }

    private static double label(double signal, SplittableRandom random) {
        return signal + random.nextDouble() - 0.5 > 0 ? 1 : 0;
    }

    private static JavaRDD<Long> numbers(JavaSparkContext sc, long rows, int partitions) {
        List<Integer> parts = new ArrayList<>();
        for (int part = 0; part < partitions; part++) {
            parts.add(part);
        }
        return sc.parallelize(parts, partitions)
                .flatMap(part -> LongStream.range(rows * part / partitions, rows * (part + 1) / partitions)
                        .iterator());
    }
}
