// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.ContiguousElements;
import io.sparkmooncake.collectives.spi.ContiguousElements.Booleans;
import io.sparkmooncake.collectives.spi.ContiguousElements.Bytes;
import io.sparkmooncake.collectives.spi.ContiguousElements.Float32;
import io.sparkmooncake.collectives.spi.ContiguousElements.Float64;
import io.sparkmooncake.collectives.spi.ContiguousElements.Halves;
import io.sparkmooncake.collectives.spi.ContiguousElements.Int32;
import io.sparkmooncake.collectives.spi.ContiguousElements.Int64;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.Objects;

/** The kernel that runs everywhere: plain loops into a Java array. */
public final class ScalarKernel implements ReduceKernel {
    /** Creates the kernel, which has no state. */
    public ScalarKernel() {}

    @Override
    public void reduce(ReduceOp op, Elements into, int at, Elements operand, long from, int count) {
        Objects.checkFromIndexSize(from, count, operand.count());
        ContiguousElements left = into.piece(at);
        for (int done = 0, n; done < count; done += n) {
            ContiguousElements piece = operand.piece(from + done);
            int start = operand.within(from + done);
            n = (int) Math.min(count - done, piece.count() - start);
            reducePiece(op, left, at + done, piece, start, n);
        }
    }

    private static void reducePiece(
            ReduceOp op, ContiguousElements into, int at, ContiguousElements operand, int from, int count) {
        if (into instanceof Float64 left && operand instanceof Float64 right) {
            Float64Loops.reduce(op, left.buffer().array(), left.buffer().arrayOffset() + at, right, from, count);
        } else if (into instanceof Float32 left && operand instanceof Float32 right) {
            Float32Loops.reduce(op, left.buffer().array(), left.buffer().arrayOffset() + at, right, from, count);
        } else if (into instanceof Int32 left && operand instanceof Int32 right) {
            Int32Loops.reduce(op, left.buffer().array(), left.buffer().arrayOffset() + at, right.buffer(), from, count);
        } else if (into instanceof Int64 left && operand instanceof Int64 right) {
            Int64Loops.reduce(op, left.buffer().array(), left.buffer().arrayOffset() + at, right.buffer(), from, count);
        } else if (into instanceof Float32 left && operand instanceof Halves right) {
            reduceHalves(op, left, at, right, from, count);
        } else if (into instanceof Bytes left && left.type() == operand.type()) {
            reduceBytes(op, left, at, operand, from, count);
        } else {
            throw mismatch(into, operand);
        }
    }

    private static void reduceHalves(ReduceOp op, Float32 into, int at, Halves operand, int from, int count) {
        float[] array = into.buffer().array();
        int start = into.buffer().arrayOffset() + at;
        if (operand.type() == DataType.FLOAT16) {
            HalfFloats.reduceFloat16(op, array, start, operand.buffer(), from, count);
        } else {
            HalfFloats.reduceBrain(op, array, start, operand.buffer(), from, count);
        }
    }

    private static void reduceBytes(ReduceOp op, Bytes into, int at, ContiguousElements operand, int from, int count) {
        byte[] array = into.buffer().array();
        int start = into.buffer().arrayOffset() + at;
        if (operand instanceof Booleans right) {
            BooleanLoops.reduce(op, array, start, right.array(), right.offset() + from, count);
        } else if (operand instanceof Bytes right && right.type() == DataType.UINT8) {
            UInt8Loops.reduce(op, array, start, right.buffer(), from, count);
        } else if (operand instanceof Bytes right) {
            Int8Loops.reduce(op, array, start, right.buffer(), from, count);
        } else {
            throw mismatch(into, operand);
        }
    }

    @Override
    public void divide(Elements into, int at, int count, int divisor) {
        if (into instanceof Float32 floats) {
            Float32Loops.divide(floats.buffer().array(), floats.buffer().arrayOffset() + at, count, divisor);
        } else if (into instanceof Float64 doubles) {
            Float64Loops.divide(doubles.buffer().array(), doubles.buffer().arrayOffset() + at, count, divisor);
        } else {
            throw new IllegalArgumentException("type=" + into.type().label() + " is not divided");
        }
    }

    @Override
    public void convert(Elements source, long from, Elements target, long at, int count) {
        if (source.type() == target.type()) {
            source.copyTo(from, target, at, count);
            return;
        }
        Objects.checkFromIndexSize(from, count, source.count());
        Objects.checkFromIndexSize(at, count, target.count());
        for (int done = 0, n; done < count; done += n) {
            ContiguousElements left = source.piece(from + done);
            ContiguousElements right = target.piece(at + done);
            int start = source.within(from + done);
            int to = target.within(at + done);
            n = (int) Math.min(count - done, Math.min(left.count() - start, right.count() - to));
            if (left instanceof Halves halves && right instanceof Float32 floats) {
                HalfFloats.widen(halves.type(), halves.buffer(), start, floats.buffer(), to, n);
            } else if (left instanceof Float32 floats && right instanceof Halves halves) {
                HalfFloats.round(halves.type(), floats.buffer(), start, halves.buffer(), to, n);
            } else {
                throw mismatch(right, left);
            }
        }
    }

    private static IllegalArgumentException mismatch(Elements into, Elements operand) {
        return new IllegalArgumentException("type=" + operand.type().label() + " is not reduced into type="
                + into.type().label());
    }
}
