// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.spark.ml.linalg.DenseVector;
import org.apache.spark.ml.linalg.SparseVector;
import org.junit.jupiter.api.Test;

final class VectorSumsTest {
    @Test
    void addsDenseAndSparseVectors() {
        double[] sum = {1, 1, 1};
        VectorSums.addTo(sum, new DenseVector(new double[] {1, 2, 3}));
        VectorSums.addTo(sum, new SparseVector(3, new int[] {0, 2}, new double[] {10, 30}));
        assertThat(sum).containsExactly(12, 3, 34);
    }

    @Test
    void refusesAVectorOfAnotherSize() {
        assertThatThrownBy(() -> VectorSums.addTo(new double[2], new DenseVector(new double[3])))
                .hasMessage("vector of size=3 in a sum of size=2");
    }
}
