// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Incompressible bytes that cost no more than a copy: slices of one block, the same in every JVM. */
final class RandomBytes {
    private static final int SLICES = 1 << 23;
    private static final int LONGEST_BYTES = 1 << 16;
    private static final byte[] BLOCK = new byte[SLICES + LONGEST_BYTES];

    static {
        new SplittableRandom(7).nextBytes(BLOCK);
    }

    private RandomBytes() {}

    /** A fresh array of {@code length} bytes, chosen by {@code selector}. */
    static byte[] copy(int length, long selector) {
        int from = (int) (RowHash.mix(selector) & (SLICES - 1));
        return Arrays.copyOfRange(BLOCK, from, from + length);
    }
}
