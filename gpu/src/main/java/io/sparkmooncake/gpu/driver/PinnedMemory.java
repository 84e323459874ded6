// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/**
 * Memory of the host that devices read and write, zero at first. Threading: as memory; {@link #close} once nobody uses it any more, on
 * the host or on a device.
 */
public final class PinnedMemory implements AutoCloseable {
    private final Device device;
    private final Pointer pointer;
    private final ByteBuffer bytes;
    private final long deviceAddress;
    private boolean closed;

    PinnedMemory(Device device, Pointer pointer, int sizeBytes, long deviceAddress) {
        this.device = device;
        this.pointer = pointer;
        this.bytes = pointer.getByteBuffer(0, sizeBytes).order(ByteOrder.nativeOrder());
        this.deviceAddress = deviceAddress;
        for (int at = 0; at < sizeBytes; at++) {
            bytes.put(at, (byte) 0);
        }
    }

    Pointer pointer(long offset) {
        return pointer.withByteOffset(offset);
    }

    /** Returns the bytes, of native order. */
    public ByteBuffer bytes() {
        return bytes;
    }

    /** Returns where devices see the first byte. */
    public long deviceAddress() {
        return deviceAddress;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            device.enter();
            JCudaDriver.cuMemFreeHost(pointer);
        }
    }
}
