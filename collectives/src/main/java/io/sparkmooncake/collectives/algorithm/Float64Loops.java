// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.ContiguousElements.Float64;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.nio.DoubleBuffer;

/**
 * Loops of {@code double}. Arrays and buffers have loops of their own, so that the compiler sees one kind of memory in each. It
 * vectorises those of arrays; sums of buffers are {@link WideSums}'s where that can.
 */
final class Float64Loops {
    private Float64Loops() {}

    static void reduce(ReduceOp op, double[] into, int at, Float64 operand, int from, int count) {
        DoubleBuffer buffer = operand.buffer();
        if (buffer.hasArray()) {
            array(op, into, at, buffer.array(), buffer.arrayOffset() + from, count);
        } else {
            boolean sums = op == ReduceOp.SUM || op == ReduceOp.AVG;
            int done = sums ? WideSums.OF_THIS_JVM.sum(into, at, operand.bytes(), from, count) : 0;
            buffer(op, into, at + done, buffer, from + done, count - done);
        }
    }

    private static void array(ReduceOp op, double[] into, int at, double[] operand, int from, int count) {
        switch (op) {
            case SUM, AVG -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] += operand[from + i];
                }
            }
            case PROD -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] *= operand[from + i];
                }
            }
            case MIN -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = Math.min(into[at + i], operand[from + i]);
                }
            }
            case MAX -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = Math.max(into[at + i], operand[from + i]);
                }
            }
            case AND, OR, XOR -> throw new IllegalArgumentException(op + " of double");
        }
    }

    static void sum(double[] into, int at, DoubleBuffer operand, int from, int count) {
        for (int i = 0; i < count; i++) {
            into[at + i] += operand.get(from + i);
        }
    }

    private static void buffer(ReduceOp op, double[] into, int at, DoubleBuffer operand, int from, int count) {
        switch (op) {
            case SUM, AVG -> sum(into, at, operand, from, count);
            case PROD -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] *= operand.get(from + i);
                }
            }
            case MIN -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = Math.min(into[at + i], operand.get(from + i));
                }
            }
            case MAX -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = Math.max(into[at + i], operand.get(from + i));
                }
            }
            case AND, OR, XOR -> throw new IllegalArgumentException(op + " of double");
        }
    }

    static void divide(double[] into, int at, int count, int divisor) {
        for (int i = 0; i < count; i++) {
            into[at + i] /= divisor;
        }
    }
}
