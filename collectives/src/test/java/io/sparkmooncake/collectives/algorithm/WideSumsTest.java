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
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Sums of memory have the bits of plain loops, whatever their length and place, and JVMs without vectors have plain loops. */
final class WideSumsTest {
    private static final int ROOM = 700;
    private final Random random = new Random(20261122);

    @Test
    void jvmsOfSparkHaveThemWithJava17() {
        assertThat(WideSums.areAvailable()).isEqualTo(Runtime.version().feature() < 19);
    }

    @Test
    void doublesHaveTheBitsOfAPlainLoop() {
        for (int call = 0; call < 20_000; call++) {
            ByteBuffer memory = memory(call, Double.BYTES);
            double[] into = random.doubles(ROOM, -1, 1).toArray();
            for (int i = 0; i < ROOM; i++) {
                memory.putDouble(i * Double.BYTES, i % 97 == 0 ? -0.0 : Double.longBitsToDouble(random.nextLong()));
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
            assertThat(into).as("at=%d from=%d count=%d", at, from, count).isEqualTo(expected);
        }
    }

    @Test
    void floatsHaveTheBitsOfAPlainLoop() {
        for (int call = 0; call < 20_000; call++) {
            ByteBuffer memory = memory(call, Float.BYTES);
            float[] into = new float[ROOM];
            for (int i = 0; i < ROOM; i++) {
                into[i] = random.nextFloat();
                memory.putFloat(i * Float.BYTES, i % 97 == 0 ? -0.0f : Float.intBitsToFloat(random.nextInt()));
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
            assertThat(into).as("at=%d from=%d count=%d", at, from, count).isEqualTo(expected);
        }
    }

    /** Off the heap and, now and then, on it; at any multiple of the element. */
    private ByteBuffer memory(int call, int elementBytes) {
        int shift = random.nextInt(16) * elementBytes;
        int bytes = ROOM * elementBytes + shift;
        ByteBuffer whole = call % 8 == 0 ? ByteBuffer.allocate(bytes) : ByteBuffer.allocateDirect(bytes);
        return whole.position(shift).slice().order(ByteOrder.nativeOrder());
    }

    @Test
    void aJvmWithoutTheModuleAddsWithPlainLoops() throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        WideSumsTest.class.getName())
                .start();
        assertThat(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo("wide=false sum=3.0");
        assertThat(process.waitFor()).isZero();
    }

    /** Adds without {@code --add-modules}. */
    public static void main(String[] args) {
        double[] into = new double[ROOM];
        Elements operand = Elements.of(ByteBuffer.allocateDirect(ROOM * Double.BYTES), DataType.FLOAT64);
        Elements.of(new double[] {3}).copyTo(0, operand, ROOM - 1, 1);
        new ScalarKernel().reduce(ReduceOp.SUM, Elements.of(into), 0, operand, 0, ROOM);
        System.out.print("wide=" + WideSums.areAvailable() + " sum=" + into[ROOM - 1]);
    }
}
