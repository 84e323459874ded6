// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import java.io.Serializable;
import java.util.Arrays;

/**
 * What a fold begins with, as it travels to tasks: one number where all elements have the same bits, so that a vector of millions of
 * zeros is not sent to every executor.
 */
final class Zero implements Serializable {
    private static final long serialVersionUID = 1;

    private final double[] values;
    private final int length;

    private Zero(double[] values, int length) {
        this.values = values;
        this.length = length;
    }

    static Zero of(double[] zero) {
        for (int i = 1; i < zero.length; i++) {
            if (Double.doubleToRawLongBits(zero[i]) != Double.doubleToRawLongBits(zero[0])) {
                return new Zero(zero.clone(), zero.length);
            }
        }
        return zero.length == 0 ? new Zero(zero, 0) : new Zero(new double[] {zero[0]}, zero.length);
    }

    double[] toArray() {
        if (values.length == length) {
            return values.clone();
        }
        double[] array = new double[length];
        if (Double.doubleToRawLongBits(values[0]) != 0) {
            Arrays.fill(array, values[0]);
        }
        return array;
    }
}
