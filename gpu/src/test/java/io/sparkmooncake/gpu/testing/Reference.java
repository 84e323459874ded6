// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.KernelModule;
import io.sparkmooncake.gpu.kernel.Kernels;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/**
 * Random data that any rank can make again, and checks of results against it, by kernels that share nothing with those under test
 * ({@code integration/gpu/reference.cu}).
 */
final class Reference implements AutoCloseable {
    private static final int TASK_WORDS = 9;
    private static final int GUARD_BYTES = 64;

    /** What differs from float64 by no more than its roundings, relative to the norm of the operands. */
    private static final Map<DataType, Double> TOLERANCES =
            Map.of(DataType.FLOAT32, 1e-6, DataType.FLOAT64, 1e-14, DataType.FLOAT16, 2e-3, DataType.BFLOAT16, 2e-2);

    private final Device device;
    private final DeviceStream stream;
    private final KernelModule module;
    private final long outcome;
    private final long[] task = new long[TASK_WORDS];
    private final long[] outcomeWord = new long[1];
    private final long[] at = new long[1];
    private final Map<String, KernelModule.Kernel> kernels = new HashMap<>();
    private long checks;
    private long failures;
    private String firstFailure = "";

    Reference(Device device) {
        this.device = device;
        this.stream = device.stream();
        this.module = Kernels.load(device, ptx());
        this.outcome = device.plain().allocate(256);
        this.outcomeWord[0] = outcome;
    }

    static String ptx() {
        try (InputStream packed = Reference.class.getResourceAsStream("reference.ptx.gz");
                GZIPInputStream text = new GZIPInputStream(packed)) {
            return new String(text.readAllBytes(), StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    KernelModule module() {
        return module;
    }

    long checks() {
        return checks;
    }

    long failures() {
        return failures;
    }

    String firstFailure() {
        return firstFailure;
    }

    private static String name(DataType type) {
        String label = type.label();
        return label.substring(0, 1).toUpperCase(java.util.Locale.ROOT) + label.substring(1);
    }

    private void task(long kind, DeviceElements elements, long... words) {
        task[0] = kind;
        task[1] = elements.address();
        task[2] = elements.count();
        System.arraycopy(words, 0, task, 3, words.length);
    }

    private KernelModule.Kernel kernel(String name, long[]... parameters) {
        return kernels.computeIfAbsent(name, wanted -> module.kernel(wanted, parameters));
    }

    /** Fills with the data of a rank, for a reduction by this operation. */
    void fill(DeviceElements elements, long seed, int rank, ReduceOp op) {
        task(0, elements, seed, rank, 1, op.number(), 0, 0);
        kernel("fill" + name(elements.type()), task).launch(264, 256, stream);
        stream.synchronize(GpuRank.LIMIT);
    }

    /** Poisons a range with what is beside it. */
    void poison(DeviceElements elements) {
        device.fill(elements.address() - GUARD_BYTES, (byte) 0xA5, elements.sizeBytes() + 2L * GUARD_BYTES, stream);
        stream.synchronize(GpuRank.LIMIT);
    }

    /** Poisons what is beside a result that is there already. */
    void poisonAround(DeviceElements elements) {
        device.fill(elements.address() - GUARD_BYTES, (byte) 0xA5, GUARD_BYTES, stream);
        device.fill(elements.address() + elements.sizeBytes(), (byte) 0xA5, GUARD_BYTES, stream);
        stream.synchronize(GpuRank.LIMIT);
    }

    /** Checks the reduction of the data of ranks 0 to size − 1, from an element of their vectors on, in the order of ranks. */
    void expectReduced(String what, DeviceElements result, long seed, int size, ReduceOp op, long begin) {
        task(0, result, seed, 0, size, op.number(), 0, begin);
        judge(what + " " + op, result, true);
    }

    /** Checks a stretch of one rank's data. */
    void expectData(String what, DeviceElements result, long seed, int rank, long begin) {
        // A reduction of one operand, whose rank is 0: the seed has the rank.
        task(0, result, seed + 7_777L * rank, 0, 1, ReduceOp.SUM.number(), 0, begin);
        judge(what, result, false);
    }

    /** Fills with data that {@link #expectData} knows. */
    void fillData(DeviceElements elements, long seed, int rank) {
        fill(elements, seed + 7_777L * rank, 0, ReduceOp.SUM);
    }

    private void judge(String what, DeviceElements result, boolean guarded) {
        device.fill(outcome, (byte) 0, 64, stream);
        kernel("check" + name(result.type()), task, outcomeWord).launch(264, 256, stream);
        if (guarded) {
            for (long end : new long[] {result.address() - GUARD_BYTES, result.address() + result.sizeBytes()}) {
                at[0] = end;
                long[] poisoned = {outcome + 24};
                module.kernel("checkPoison", at, new long[] {GUARD_BYTES}, poisoned)
                        .launch(1, 64, stream);
            }
        }
        stream.synchronize(GpuRank.LIMIT);
        ByteBuffer words = ByteBuffer.allocateDirect(32).order(ByteOrder.nativeOrder());
        device.read(words, outcome);
        checks++;
        double norm = words.getDouble(16);
        double relative = norm > 0 ? Math.sqrt(words.getDouble(8) / norm) : 0;
        boolean right = words.getLong(0) == 0
                && words.getLong(24) == 0
                && relative <= TOLERANCES.getOrDefault(result.type(), 0.0);
        if (!right) {
            failures++;
            if (firstFailure.isEmpty()) {
                firstFailure = what + " " + result.type().label() + "[" + result.count() + "]: wrong="
                        + words.getLong(0) + " poison=" + words.getLong(24) + " relative=" + relative;
            }
        }
    }

    @Override
    public void close() {
        device.plain().free(outcome);
        module.close();
        stream.close();
    }
}
