// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.SparseVector;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.rdd.RDD;

/** Sums of Spark ML's vectors, dense and sparse ones mixed. Needs spark-mllib, which nothing else here does. */
public final class VectorSums {
    private VectorSums() {}

    /**
     * Returns the sum of all vectors, in one stage as {@link AllReduce} does.
     *
     * @param size of every vector
     */
    public static Vector sum(RDD<Vector> vectors, int size) {
        return new DenseVector(AllReduce.sum(vectors, new double[size], VectorSums::addTo));
    }

    /**
     * Adds {@code vector} to {@code sum} and returns it: a {@code seqOp} for {@link AllReduce}.
     *
     * @throws IllegalArgumentException when their sizes differ
     */
    public static double[] addTo(double[] sum, Vector vector) {
        if (vector.size() != sum.length) {
            throw new IllegalArgumentException("vector of size=" + vector.size() + " in a sum of size=" + sum.length);
        }
        if (vector instanceof SparseVector sparse) {
            int[] indices = sparse.indices();
            double[] values = sparse.values();
            for (int i = 0; i < indices.length; i++) {
                sum[indices[i]] += values[i];
            }
        } else {
            double[] values = vector.toArray();
            for (int i = 0; i < values.length; i++) {
                sum[i] += values[i];
            }
        }
        return sum;
    }
}
