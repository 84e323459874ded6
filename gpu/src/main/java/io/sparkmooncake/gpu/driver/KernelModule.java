// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.util.Arrays;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/**
 * Kernels of one image, every one of them loaded: the driver loads a kernel when its function is fetched, and all are fetched when the
 * module is made. Threading: safe from any thread.
 */
public final class KernelModule implements AutoCloseable {
    private final Device device;
    private final CUmodule module;
    private final Map<String, CUfunction> functions;
    private boolean closed;

    KernelModule(Device device, CUmodule module, Map<String, CUfunction> functions) {
        this.device = device;
        this.module = module;
        this.functions = Map.copyOf(functions);
    }

    /** A kernel with the words that it gets; the words may be changed between launches. One thread at a time. */
    public final class Kernel {
        private final CUfunction function;
        private final Pointer arguments;

        private Kernel(CUfunction function, Pointer arguments) {
            this.function = function;
            this.arguments = arguments;
        }

        /** Queues a launch; what the words are now is copied. */
        public void launch(int grid, int block, DeviceStream stream) {
            device.enter();
            DriverCalls.check(
                    JCudaDriver.cuLaunchKernel(function, grid, 1, 1, block, 1, 1, 0, stream.handle(), arguments, null),
                    "cuLaunchKernel",
                    device);
        }
    }

    /** Returns how many kernels are loaded. */
    public int count() {
        return functions.size();
    }

    /**
     * Returns a kernel.
     *
     * @param parameters the words of each parameter: of a structure, or a single one
     * @throws IllegalArgumentException when the module has none of that name
     */
    public Kernel kernel(String name, long[]... parameters) {
        Pointer[] each = Arrays.stream(parameters).map(Pointer::to).toArray(Pointer[]::new);
        return new Kernel(function(name), Pointer.to(each));
    }

    private CUfunction function(String name) {
        CUfunction function = functions.get(name);
        if (function == null) {
            throw new IllegalArgumentException("kernel=" + name + " is none of the " + count() + " of this module");
        }
        return function;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            device.enter();
            JCudaDriver.cuModuleUnload(module);
        }
    }
}
