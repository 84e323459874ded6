// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.example;

import io.sparkmooncake.ml.AllReduce;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;

/**
 * Mean and variance of every column, in one stage.
 *
 * @param mean one number for each column
 * @param variance unbiased, one for each column
 */
public record MeanAndVariance(Vector mean, Vector variance) {
    /** Computes both in one pass; the aggregate is the count, the sums and the sums of squares. */
    public static MeanAndVariance of(JavaRDD<Vector> rows, int columns) {
        double[] sums = AllReduce.sum(rows, new double[1 + 2 * columns], MeanAndVariance::add);
        double n = sums[0];
        double[] mean = new double[columns];
        double[] variance = new double[columns];
        for (int j = 0; j < columns; j++) {
            mean[j] = sums[1 + j] / n;
            variance[j] = (sums[1 + columns + j] - n * mean[j] * mean[j]) / (n - 1);
        }
        return new MeanAndVariance(Vectors.dense(mean), Vectors.dense(variance));
    }

    private static double[] add(double[] sums, Vector row) {
        int columns = row.size();
        sums[0]++;
        for (int j = 0; j < columns; j++) {
            double x = row.apply(j);
            sums[1 + j] += x;
            sums[1 + columns + j] += x * x;
        }
        return sums;
    }
}
