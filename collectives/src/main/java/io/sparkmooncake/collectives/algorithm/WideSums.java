// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * {@link VectorLoops}, once they were seen to be faster than plain loops in this JVM. It needs {@code
 * --add-modules=jdk.incubator.vector}, which Spark 4 adds to the JVMs of drivers and executors, and Java 17 or 18: later versions read
 * buffers in another way. Until its compiler is done with them, or where it knows no vectors, such loops are slower by far, so a
 * thread that ends by itself tries them beside the first reductions. Bits are those of plain loops, but for which NaN of two it is.
 */
final class WideSums {
    private static final int TRIED = 8_192;
    private static final int TIMES = 8;

    /** Wins in a row that settle it. */
    private static final int WINS = 5;

    private static final int MOST_ROUNDS = 600;
    private static final long PAUSE_MILLIS = 5;

    /** One for all communicators: what it tells is what this JVM's compiler has done. */
    static final WideSums OF_THIS_JVM = tried();

    private final Thread trial = new Thread(this::tryBoth, "mooncake-wide-sums");
    private volatile boolean doubles;
    private volatile boolean floats;

    private WideSums() {}

    private static WideSums tried() {
        WideSums sums = new WideSums();
        sums.trial.setDaemon(true);
        if (ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()) {
            sums.trial.start();
        }
        return sums;
    }

    private void tryBoth() {
        ByteBuffer zeros = ByteBuffer.allocateDirect(TRIED * Double.BYTES).order(ByteOrder.nativeOrder());
        try {
            double[] into = new double[TRIED];
            doubles = wins(
                    () -> VectorLoops.sum(into, 0, zeros, 0, TRIED),
                    () -> Float64Loops.sum(into, 0, zeros.asDoubleBuffer(), 0, TRIED));
            float[] narrow = new float[TRIED];
            floats = wins(
                    () -> VectorLoops.sum(narrow, 0, zeros, 0, TRIED),
                    () -> Float32Loops.sum(narrow, 0, zeros.asFloatBuffer(), 0, TRIED));
        } catch (LinkageError otherVersion) {
            // Java 19 and later: plain loops stay.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean wins(Runnable wide, Runnable plain) throws InterruptedException {
        int wins = 0;
        for (int round = 0; round < MOST_ROUNDS && wins < WINS; round++) {
            wins = nanos(wide) < nanos(plain) ? wins + 1 : 0;
            Thread.sleep(PAUSE_MILLIS);
        }
        return wins == WINS;
    }

    private static long nanos(Runnable sum) {
        long startNanos = System.nanoTime();
        for (int i = 0; i < TIMES; i++) {
            sum.run();
        }
        return System.nanoTime() - startNanos;
    }

    /** Waits until it is settled whether this JVM adds with vectors, and returns whether it does so for both types. */
    boolean settle() throws InterruptedException {
        trial.join();
        return doubles && floats;
    }

    /**
     * Adds elements of memory to those of an array, from the first on, and returns to how many; a plain loop has to do the rest.
     *
     * @param operand in native byte order; null for an array, which needs no help
     * @param from first element of the operand
     */
    int sum(double[] into, int at, @Nullable ByteBuffer operand, int from, int count) {
        return doubles && operand != null ? VectorLoops.sum(into, at, operand, from, count) : 0;
    }

    /** As for doubles. */
    int sum(float[] into, int at, @Nullable ByteBuffer operand, int from, int count) {
        return floats && operand != null ? VectorLoops.sum(into, at, operand, from, count) : 0;
    }
}
