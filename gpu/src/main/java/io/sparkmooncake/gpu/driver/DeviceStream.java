// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.lang.reflect.Field;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import jcuda.NativePointerObject;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** A queue of work on a device. Threading: safe from any thread; work of several threads is queued in any order. */
public final class DeviceStream implements AutoCloseable {
    private static final long SPIN_NANOS = 200_000;
    private static final long PAUSE_NANOS = 20_000;

    private final Device device;
    private final CUstream stream;
    private boolean closed;

    DeviceStream(Device device, CUstream stream) {
        this.device = device;
        this.stream = stream;
    }

    /** Takes a stream of another library, which keeps it: closing this one gives nothing back. */
    static DeviceStream foreign(Device device, long handle) {
        CUstream stream = new CUstream();
        try {
            Field pointer = NativePointerObject.class.getDeclaredField("nativePointer");
            pointer.setAccessible(true);
            pointer.setLong(stream, handle);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this JCuda keeps handles otherwise than 12.6.0", e);
        }
        DeviceStream taken = new DeviceStream(device, stream);
        taken.closed = true;
        return taken;
    }

    CUstream handle() {
        return stream;
    }

    /** Lets what is queued here from now on wait for an event, without waiting itself. */
    public void await(DeviceEvent event) {
        device.enter();
        DriverCalls.check(JCudaDriver.cuStreamWaitEvent(stream, event.handle(), 0), "cuStreamWaitEvent", device);
    }

    /**
     * Tells that all work queued here is done.
     *
     * @throws GpuException DEVICE_LOST when a kernel failed
     */
    public boolean isIdle() {
        device.enter();
        int code = JCudaDriver.cuStreamQuery(stream);
        if (code == CUresult.CUDA_ERROR_NOT_READY) {
            return false;
        }
        DriverCalls.check(code, "work of a stream", device);
        return true;
    }

    /**
     * Waits until all work queued here is done; an interrupt stays for the caller.
     *
     * @throws GpuException DEVICE_LOST when a kernel failed, TIMED_OUT when it is not done within the limit
     */
    public void synchronize(Duration limit) {
        long startNanos = System.nanoTime();
        boolean interrupted = false;
        try {
            while (!isIdle()) {
                long waited = System.nanoTime() - startNanos;
                if (waited > limit.toNanos()) {
                    throw new GpuException(
                            GpuException.Code.TIMED_OUT,
                            "work of a stream on " + device + " did not end within limit=" + limit.toMillis()
                                    + " ms; a kernel or a copy before it stands still");
                }
                if (waited > SPIN_NANOS) {
                    LockSupport.parkNanos(PAUSE_NANOS);
                    interrupted |= Thread.interrupted();
                } else {
                    Thread.onSpinWait();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Gives it back; work under way goes on. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            device.enter();
            JCudaDriver.cuStreamDestroy(stream);
        }
    }
}
