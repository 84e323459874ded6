// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.collectives.spi.ReduceOp;

/** The kernel that runs everywhere: plain loops into a Java array. */
final class ScalarKernel implements ReduceKernel {
    @Override
    public void reduce(ReduceOp op, Elements into, int at, Elements operand, int from, int count) {
        if (into instanceof Elements.Int8 left && operand instanceof Elements.Int8 right) {
            Int8Loops.reduce(op, left.buffer().array(), left.buffer().arrayOffset() + at, right.buffer(), from, count);
        } else if (into instanceof Elements.Int32 left && operand instanceof Elements.Int32 right) {
            Int32Loops.reduce(op, left.buffer().array(), left.buffer().arrayOffset() + at, right.buffer(), from, count);
        } else if (into instanceof Elements.Int64 left && operand instanceof Elements.Int64 right) {
            Int64Loops.reduce(op, left.buffer().array(), left.buffer().arrayOffset() + at, right.buffer(), from, count);
        } else if (into instanceof Elements.Float32 left && operand instanceof Elements.Float32 right) {
            Float32Loops.reduce(
                    op, left.buffer().array(), left.buffer().arrayOffset() + at, right.buffer(), from, count);
        } else if (into instanceof Elements.Float64 left && operand instanceof Elements.Float64 right) {
            Float64Loops.reduce(
                    op, left.buffer().array(), left.buffer().arrayOffset() + at, right.buffer(), from, count);
        } else {
            throw new IllegalArgumentException("type=" + operand.type().label() + " is not reduced into type="
                    + into.type().label());
        }
    }
}
