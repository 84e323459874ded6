// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.example;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.ml.Communicators;
import io.sparkmooncake.ml.RankVector;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.ml.feature.LabeledPoint;
import org.apache.spark.ml.linalg.SparseVector;
import org.apache.spark.ml.linalg.Vector;

/** Logistic regression in one stage: gradients are all-reduced, and every rank takes the same step (Barzilai and Borwein's). */
public final class LogisticRegression {
    private LogisticRegression() {}

    /** Returns the weights that lessen the mean loss plus {@code lambda/2·|w|²}, after some iterations from 0. */
    public static double[] train(
            JavaRDD<LabeledPoint> rows, int features, double lambda, int iterations, Progress progress) {
        return Communicators.collect(rows, (ranks, partition) -> {
                    double[] weights = loop(ranks, partition, new Problem(features, lambda, iterations), progress);
                    return ranks.membership().rank() == 0
                            ? List.of(weights).iterator()
                            : List.<double[]>of().iterator();
                })
                .get(0);
    }

    private record Problem(int features, double lambda, int iterations) {}

    private static double[] loop(
            Communicator ranks, Iterator<LabeledPoint> partition, Problem problem, Progress progress) throws Exception {
        List<LabeledPoint> rows = new ArrayList<>();
        partition.forEachRemaining(rows::add);
        int d = problem.features;
        double[] w = new double[d];
        double[] gradient = new double[d];
        double[] sums = new double[d + 2]; // the gradient's sum, the loss's, and the number of rows
        RankVector all = RankVector.of(ranks, sums); // on the ranks' GPUs where Spark assigned them
        double step = 1;
        progress.loaded(ranks);
        for (int iteration = 1; iteration <= problem.iterations; iteration++) {
            Arrays.fill(sums, 0);
            rows.forEach(row -> add(row.features(), row.label(), w, sums));
            progress.computed();
            all.allReduce(ReduceOp.SUM);
            progress.reduced();
            double n = sums[d + 1];
            double moved = 0; // of the latest step s and the gradient's change y: s·s and s·y
            double curved = 0;
            double norm = 0;
            for (int j = 0; j < d; j++) {
                double now = sums[j] / n + problem.lambda * w[j];
                double s = -step * gradient[j];
                moved += s * s;
                curved += s * (now - gradient[j]);
                norm += w[j] * w[j];
                gradient[j] = now;
            }
            step = curved > 0 ? moved / curved : step;
            for (int j = 0; j < d; j++) {
                w[j] -= step * gradient[j];
            }
            progress.iterated(iteration, sums[d] / n + problem.lambda / 2 * norm);
        }
        progress.ended();
        return w;
    }

    private static void add(Vector x, double label, double[] w, double[] sums) {
        int d = w.length;
        double margin = x instanceof SparseVector sparse ? dot(sparse, w) : dot(x.toArray(), w);
        double signed = label > 0.5 ? -margin : margin;
        sums[d] += signed > 30 ? signed : Math.log1p(Math.exp(signed));
        sums[d + 1]++;
        double factor = 1 / (1 + Math.exp(-margin)) - label;
        if (x instanceof SparseVector sparse) {
            for (int i = 0; i < sparse.indices().length; i++) {
                sums[sparse.indices()[i]] += factor * sparse.values()[i];
            }
        } else {
            double[] values = x.toArray();
            for (int j = 0; j < d; j++) {
                sums[j] += factor * values[j];
            }
        }
    }

    private static double dot(SparseVector x, double[] w) {
        int[] indices = x.indices();
        double[] values = x.values();
        double sum = 0;
        for (int i = 0; i < indices.length; i++) {
            sum += values[i] * w[indices[i]];
        }
        return sum;
    }

    /** Four sums at a time: one alone would wait for each of its additions. */
    private static double dot(double[] x, double[] w) {
        double a = 0;
        double b = 0;
        double c = 0;
        double e = 0;
        int j = 0;
        for (; j + 3 < x.length; j += 4) {
            a += x[j] * w[j];
            b += x[j + 1] * w[j + 1];
            c += x[j + 2] * w[j + 2];
            e += x[j + 3] * w[j + 3];
        }
        for (; j < x.length; j++) {
            a += x[j] * w[j];
        }
        return a + b + c + e;
    }
}
