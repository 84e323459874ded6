// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.ReduceOp;
import java.nio.ByteBuffer;

/** Loops of unsigned bytes where they differ from those of {@code byte}: the least and the greatest. */
final class UInt8Loops {
    /** Shifts unsigned order onto signed order. */
    private static final int FLIP = 0x80;

    private UInt8Loops() {}

    static void reduce(ReduceOp op, byte[] into, int at, ByteBuffer operand, int from, int count) {
        switch (op) {
            case MIN -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = (byte) (Math.min(into[at + i] ^ -FLIP, operand.get(from + i) ^ -FLIP) ^ -FLIP);
                }
            }
            case MAX -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] = (byte) (Math.max(into[at + i] ^ -FLIP, operand.get(from + i) ^ -FLIP) ^ -FLIP);
                }
            }
            case SUM, AVG, PROD, AND, OR, XOR -> Int8Loops.reduce(op, into, at, operand, from, count);
        }
    }
}
