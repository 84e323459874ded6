// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import jcuda.driver.CUevent;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** A mark in a stream. Threading: safe from any thread. */
public final class DeviceEvent implements AutoCloseable {
    private final Device device;
    private final CUevent event;
    private boolean closed;

    DeviceEvent(Device device, CUevent event) {
        this.device = device;
        this.event = event;
    }

    CUevent handle() {
        return event;
    }

    /** Marks what is queued in the stream by now; an earlier mark is forgotten. */
    public void record(DeviceStream stream) {
        device.enter();
        DriverCalls.check(JCudaDriver.cuEventRecord(event, stream.handle()), "cuEventRecord", device);
    }

    /** Tells that what was marked is done; true before the first mark. */
    public boolean isDone() {
        device.enter();
        int code = JCudaDriver.cuEventQuery(event);
        if (code == CUresult.CUDA_ERROR_NOT_READY) {
            return false;
        }
        DriverCalls.check(code, "work before an event", device);
        return true;
    }

    /** Returns the time between two marks that were made with timing, in microseconds. */
    public double microsSince(DeviceEvent earlier) {
        float[] millis = new float[1];
        device.enter();
        DriverCalls.check(JCudaDriver.cuEventElapsedTime(millis, earlier.event, event), "cuEventElapsedTime", device);
        return millis[0] * 1000.0;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            device.enter();
            JCudaDriver.cuEventDestroy(event);
        }
    }
}
