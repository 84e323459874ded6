// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.ReduceOp;
import java.nio.ByteBuffer;

/**
 * Loops of {@code byte}. Arrays and buffers have loops of their own, so that the compiler sees one kind of memory in each and
 * vectorises it.
 */
final class Int8Loops {
    private Int8Loops() {}

    static void reduce(ReduceOp op, byte[] into, int at, ByteBuffer operand, int from, int count) {
        if (operand.hasArray()) {
            array(op, into, at, operand.array(), operand.arrayOffset() + from, count);
        } else {
            buffer(op, into, at, operand, from, count);
        }
    }

    private static void array(ReduceOp op, byte[] into, int at, byte[] operand, int from, int count) {
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
                    into[at + i] = (byte) Math.min(into[at + i], operand[from + i]);
                }
            }
            case MAX -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = (byte) Math.max(into[at + i], operand[from + i]);
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
            case AVG -> throw new IllegalArgumentException(op + " of byte");
        }
    }

    private static void buffer(ReduceOp op, byte[] into, int at, ByteBuffer operand, int from, int count) {
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
                    into[at + i] = (byte) Math.min(into[at + i], operand.get(from + i));
                }
            }
            case MAX -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = (byte) Math.max(into[at + i], operand.get(from + i));
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
            case AVG -> throw new IllegalArgumentException(op + " of byte");
        }
    }
}
