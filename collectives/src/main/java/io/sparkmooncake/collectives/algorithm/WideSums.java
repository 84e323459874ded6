// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * {@link VectorLoops}, where this JVM has them: with {@code --add-modules=jdk.incubator.vector}, which Spark 4 adds to the JVMs of drivers
 * and executors, on Java 17 and 18. Later versions read buffers in another way; there, as without the module, plain loops do
 * everything, with the same bits.
 */
final class WideSums {
    private static final int PROBED = 1_024;
    private static final boolean AVAILABLE = isAvailable();

    private WideSums() {}

    private static boolean isAvailable() {
        if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
            return false;
        }
        ByteBuffer zeros = ByteBuffer.allocateDirect(PROBED * Double.BYTES);
        try {
            return VectorLoops.sum(new double[PROBED], 0, zeros, 0, PROBED) > 0
                    && VectorLoops.sum(new float[PROBED], 0, zeros, 0, PROBED) > 0;
        } catch (LinkageError otherVersion) {
            return false;
        }
    }

    /** Tells whether sums are wide here. */
    static boolean areAvailable() {
        return AVAILABLE;
    }

    /**
     * Adds elements of memory to those of an array, from the first on, and returns to how many; a plain loop has to do the rest.
     *
     * @param operand in native byte order; null for an array, which needs no help
     * @param from first element of the operand
     */
    static int sum(double[] into, int at, @Nullable ByteBuffer operand, int from, int count) {
        return AVAILABLE && operand != null ? VectorLoops.sum(into, at, operand, from, count) : 0;
    }

    /** As for doubles. */
    static int sum(float[] into, int at, @Nullable ByteBuffer operand, int from, int count) {
        return AVAILABLE && operand != null ? VectorLoops.sum(into, at, operand, from, count) : 0;
    }
}
