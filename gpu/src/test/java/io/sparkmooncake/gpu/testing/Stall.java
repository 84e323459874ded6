// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.PinnedMemory;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * The first cause of hangs: a kernel that is resident, one behind it that is not loaded, and a copy on another stream. Arguments:
 * {@code fetched} or {@code not-fetched}.
 */
public final class Stall {
    private static final long RESIDENT_NANOS = 2_000_000_000L;

    private Stall() {}

    /** Runs once, in a process of its own. */
    public static void main(String[] args) throws Exception {
        boolean fetched = args[0].equals("fetched");
        byte[] image = (Reference.ptx() + "\0").getBytes(StandardCharsets.US_ASCII);
        Device device = Device.open(0);
        PinnedMemory pinned = device.pin(1 << 16);
        DeviceStream other = device.stream();
        long memory = device.plain().allocate(1 << 16);
        device.upload(memory, pinned, 4096, 4096, other);
        other.synchronize(GpuRank.LIMIT);
        CUcontext context = new CUcontext();
        JCudaDriver.cuCtxGetCurrent(context);
        CUmodule module = new CUmodule();
        CUfunction gate = new CUfunction();
        CUfunction tail = new CUfunction();
        CUstream resident = new CUstream();
        JCudaDriver.cuModuleLoadData(module, image);
        JCudaDriver.cuModuleGetFunction(gate, module, "gate");
        if (fetched) {
            JCudaDriver.cuModuleGetFunction(tail, module, "tail");
        }
        JCudaDriver.cuStreamCreate(resident, CUstream_flags.CU_STREAM_NON_BLOCKING);
        launch(gate, resident, pinned.deviceAddress(), 1, RESIDENT_NANOS);
        long begin = System.nanoTime();
        AtomicLong launched = new AtomicLong();
        Thread launching = new Thread(
                () -> {
                    JCudaDriver.cuCtxSetCurrent(context);
                    if (!fetched) {
                        JCudaDriver.cuModuleGetFunction(tail, module, "tail");
                    }
                    launch(tail, resident, memory);
                    launched.set(System.nanoTime());
                },
                "launching");
        launching.start();
        Thread.sleep(50);
        long copying = System.nanoTime();
        device.upload(memory, pinned, 4096, 4096, other);
        other.synchronize(GpuRank.LIMIT);
        double copyMillis = (System.nanoTime() - copying) / 1e6;
        launching.join();
        double launchMillis = (launched.get() - begin) / 1e6;
        JCudaDriver.cuStreamSynchronize(resident);
        GpuRank.OUT.printf(
                Locale.ROOT,
                "stall: CUDA_MODULE_LOADING=%s, tail kernel %s: copy on another stream %.1f ms, launch %.1f ms%n",
                System.getenv("CUDA_MODULE_LOADING"),
                args[0],
                copyMillis,
                launchMillis);
        if (fetched && copyMillis > 500) {
            throw new AssertionError("a copy waited although every kernel was loaded");
        }
    }

    private static void launch(CUfunction function, CUstream stream, long... words) {
        Pointer[] each = new Pointer[words.length];
        for (int i = 0; i < words.length; i++) {
            each[i] = Pointer.to(new long[] {words[i]});
        }
        int code = JCudaDriver.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, Pointer.to(each), null);
        if (code != 0) {
            throw new IllegalStateException("launch: " + code);
        }
    }
}
