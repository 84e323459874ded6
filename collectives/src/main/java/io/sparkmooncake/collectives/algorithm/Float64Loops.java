// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.ReduceOp;
import java.nio.DoubleBuffer;

/**
 * Loops of {@code double}. Arrays and buffers have loops of their own, so that the compiler sees one kind of memory in each and
 * vectorises it.
 */
final class Float64Loops {
    private Float64Loops() {}

    static void reduce(ReduceOp op, double[] into, int at, DoubleBuffer operand, int from, int count) {
        if (operand.hasArray()) {
            array(op, into, at, operand.array(), operand.arrayOffset() + from, count);
        } else {
            buffer(op, into, at, operand, from, count);
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

    private static void buffer(ReduceOp op, double[] into, int at, DoubleBuffer operand, int from, int count) {
        switch (op) {
            case SUM, AVG -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] += operand.get(from + i);
                }
            }
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
