// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.spi.ReduceOp;

/** Loops of {@code boolean[]} into bytes of 0 and 1. */
final class BooleanLoops {
    private BooleanLoops() {}

    static void reduce(ReduceOp op, byte[] into, int at, boolean[] operand, int from, int count) {
        switch (op) {
            case AND -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] &= (byte) (operand[from + i] ? 1 : 0);
                }
            }
            case OR -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] |= (byte) (operand[from + i] ? 1 : 0);
                }
            }
            case XOR -> {
                for (int i = 0; i < count; i++) {
                    into[at + i] ^= (byte) (operand[from + i] ? 1 : 0);
                }
            }
            case SUM, AVG, PROD, MIN, MAX -> throw new IllegalArgumentException(op + " of boolean");
        }
    }
}
