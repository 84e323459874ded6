// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.example;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.ml.Communicators;
import io.sparkmooncake.ml.RankVector;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.ml.linalg.Vector;

/** Lloyd's k-means in one stage: every rank keeps its points and the centers, and sums of points are all-reduced. */
public final class KMeans {
    private KMeans() {}

    /** Returns the centers after some iterations from {@code start}. */
    public static double[][] train(JavaRDD<Vector> points, double[][] start, int iterations, Progress progress) {
        return Communicators.collect(
                        points,
                        (ranks, partition) -> Collections.singletonList(
                                        loop(ranks, partition, start, iterations, progress))
                                .iterator())
                .get(0);
    }

    private static double[][] loop(
            Communicator ranks, Iterator<Vector> partition, double[][] centers, int iterations, Progress progress)
            throws Exception {
        List<double[]> points = new ArrayList<>();
        partition.forEachRemaining(point -> points.add(point.toArray()));
        int k = centers.length;
        int d = centers[0].length;
        double[] sums = new double[k * (d + 1) + 1]; // of each center's points: their sum and number; last, the cost
        RankVector all = RankVector.of(ranks, sums); // on the ranks' GPUs where Spark assigned them
        progress.loaded(ranks);
        for (int iteration = 1; iteration <= iterations; iteration++) {
            Arrays.fill(sums, 0);
            addToNearest(points, centers, sums);
            progress.computed();
            all.allReduce(ReduceOp.SUM);
            progress.reduced();
            for (int c = 0; c < k; c++) {
                double count = sums[c * (d + 1) + d];
                for (int j = 0; j < d && count > 0; j++) {
                    centers[c][j] = sums[c * (d + 1) + j] / count;
                }
            }
            progress.iterated(iteration, sums[k * (d + 1)]);
        }
        progress.ended();
        return centers;
    }

    /** The nearest center has the greatest {@code x·c − |c|²/2}; the inner loop runs over centers, so that it vectorises. */
    private static void addToNearest(List<double[]> points, double[][] centers, double[] sums) {
        int k = centers.length;
        int d = centers[0].length;
        double[][] byColumn = new double[d][k];
        double[] first = new double[k];
        for (int c = 0; c < k; c++) {
            for (int j = 0; j < d; j++) {
                byColumn[j][c] = centers[c][j];
                first[c] -= centers[c][j] * centers[c][j] / 2;
            }
        }
        double[] scores = new double[k];
        for (double[] x : points) {
            System.arraycopy(first, 0, scores, 0, k);
            double norm = 0;
            for (int j = 0; j < d; j++) {
                add(x[j], byColumn[j], scores);
                norm += x[j] * x[j];
            }
            int nearest = 0;
            for (int c = 1; c < k; c++) {
                nearest = scores[c] > scores[nearest] ? c : nearest;
            }
            for (int j = 0; j < d; j++) {
                sums[nearest * (d + 1) + j] += x[j];
            }
            sums[nearest * (d + 1) + d]++;
            sums[k * (d + 1)] += norm - 2 * scores[nearest];
        }
    }

    private static void add(double factor, double[] column, double[] scores) {
        for (int c = 0; c < scores.length; c++) {
            scores[c] += factor * column[c];
        }
    }
}
