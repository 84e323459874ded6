// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Sums of memory have the bits of plain loops, whatever their length and place, with vectors and without. */
final class WideSumsTest {
    private static final int ROOM = 700;
    private static final int CALLS = 20_000;

    @Test
    void java17OfSparkAddsWithVectorsAndHasTheBitsOfPlainLoops() throws InterruptedException {
        assertThat(WideSums.OF_THIS_JVM.settle()).isEqualTo(Runtime.version().feature() < 19);
        checkDoubles();
        checkFloats();
    }

    @Test
    void aJvmWithoutTheModuleAddsWithPlainLoops() throws Exception {
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        WideSumsTest.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().keySet().removeAll(Arrays.asList("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"));
        Process process = builder.start();
        assertThat(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo("wide=false, bits are right");
        assertThat(process.waitFor()).isZero();
    }

    /** Runs without {@code --add-modules}. */
    public static void main(String[] args) throws InterruptedException {
        boolean wide = WideSums.OF_THIS_JVM.settle();
        checkDoubles();
        checkFloats();
        System.out.print("wide=" + wide + ", bits are right");
    }

    private static void checkDoubles() {
        Random random = new Random(20261122);
        for (int call = 0; call < CALLS; call++) {
            ByteBuffer memory = memory(random, call, Double.BYTES);
            double[] into = new double[ROOM];
            for (int i = 0; i < ROOM; i++) {
                into[i] = any(random);
                memory.putDouble(i * Double.BYTES, any(random));
            }
            int at = random.nextInt(ROOM);
            int from = random.nextInt(ROOM);
            int count = random.nextInt(ROOM - Math.max(at, from) + 1);
            double[] expected = into.clone();
            for (int i = 0; i < count; i++) {
                expected[at + i] += memory.getDouble((from + i) * Double.BYTES);
            }
            new ScalarKernel()
                    .reduce(ReduceOp.SUM, Elements.of(into), at, Elements.of(memory, DataType.FLOAT64), from, count);
            // All NaNs are one: which of two a sum keeps is nobody's promise.
            for (int i = 0; i < ROOM; i++) {
                if (Double.doubleToLongBits(into[i]) != Double.doubleToLongBits(expected[i])) {
                    throw new AssertionError("at=" + at + " from=" + from + " count=" + count + " i=" + i);
                }
            }
        }
    }

    private static void checkFloats() {
        Random random = new Random(20261123);
        for (int call = 0; call < CALLS; call++) {
            ByteBuffer memory = memory(random, call, Float.BYTES);
            float[] into = new float[ROOM];
            for (int i = 0; i < ROOM; i++) {
                into[i] = (float) any(random);
                memory.putFloat(i * Float.BYTES, (float) any(random));
            }
            int at = random.nextInt(ROOM);
            int from = random.nextInt(ROOM);
            int count = random.nextInt(ROOM - Math.max(at, from) + 1);
            float[] expected = into.clone();
            for (int i = 0; i < count; i++) {
                expected[at + i] += memory.getFloat((from + i) * Float.BYTES);
            }
            new ScalarKernel()
                    .reduce(ReduceOp.SUM, Elements.of(into), at, Elements.of(memory, DataType.FLOAT32), from, count);
            for (int i = 0; i < ROOM; i++) {
                if (Float.floatToIntBits(into[i]) != Float.floatToIntBits(expected[i])) {
                    throw new AssertionError("at=" + at + " from=" + from + " count=" + count + " i=" + i);
                }
            }
        }
    }

    /** Zeros of either sign often, since they must meet; now and then infinities and NaN. */
    private static double any(Random random) {
        return switch (random.nextInt(8)) {
            case 0 -> 0.0;
            case 1, 2 -> -0.0;
            case 3 -> Double.longBitsToDouble(random.nextLong());
            default -> random.nextDouble() - 0.5;
        };
    }

    /** Off the heap and, now and then, on it; at any multiple of the element. */
    private static ByteBuffer memory(Random random, int call, int elementBytes) {
        int shift = random.nextInt(16) * elementBytes;
        int bytes = ROOM * elementBytes + shift;
        ByteBuffer whole = call % 8 == 0 ? ByteBuffer.allocate(bytes) : ByteBuffer.allocateDirect(bytes);
        return whole.position(shift).slice().order(ByteOrder.nativeOrder());
    }
}
