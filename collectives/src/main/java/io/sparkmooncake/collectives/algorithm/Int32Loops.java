// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.ReduceOp;
import java.nio.IntBuffer;

/**
 * Loops of {@code int}. Arrays and buffers have loops of their own, so that the compiler sees one kind of memory in each and
 * vectorises it.
 */
final class Int32Loops {
    private Int32Loops() {}

    static void reduce(ReduceOp op, int[] into, int at, IntBuffer operand, int from, int count) {
        if (operand.hasArray()) {
            array(op, into, at, operand.array(), operand.arrayOffset() + from, count);
        } else {
            buffer(op, into, at, operand, from, count);
        }
    }

    private static void array(ReduceOp op, int[] into, int at, int[] operand, int from, int count) {
        switch (op) {
            case SUM -> {
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
            case AND -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] &= operand[from + i];
                }
            }
            case OR -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] |= operand[from + i];
                }
            }
            case XOR -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] ^= operand[from + i];
                }
            }
            case AVG -> throw new IllegalArgumentException(op + " of int");
        }
    }

    private static void buffer(ReduceOp op, int[] into, int at, IntBuffer operand, int from, int count) {
        switch (op) {
            case SUM -> {
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
            case AND -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] &= operand.get(from + i);
                }
            }
            case OR -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] |= operand.get(from + i);
                }
            }
            case XOR -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] ^= operand.get(from + i);
                }
            }
            case AVG -> throw new IllegalArgumentException(op + " of int");
        }
    }
}
