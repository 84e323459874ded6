// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.memory;

import io.sparkmooncake.gpu.driver.Cuda;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.VirtualMemory.HandleType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.UUID;

/**
 * A region of another process, or of another device of this one, where this device reaches it. Closing it unmaps it, once nothing
 * queued uses it. Threading: safe from any thread.
 */
public final class PeerMapping implements AutoCloseable {
    /** Random, one for each process: who has the same shares addresses. */
    public static final String PROCESS = UUID.randomUUID().toString();

    private final long address;
    private final Runnable unmap;
    private boolean closed;

    private PeerMapping(long address, Runnable unmap) {
        this.address = address;
        this.unmap = unmap;
    }

    /** Reaches memory of this process, on whichever of its devices. */
    public static PeerMapping ofThisProcess(Device device, String deviceUuid, long address) {
        if (deviceUuid.equals(device.identity().uuid())) {
            return new PeerMapping(address, () -> {});
        }
        int ordinal = Cuda.devices().stream()
                .filter(each -> each.uuid().equals(deviceUuid))
                .findFirst()
                .orElseThrow(() -> new GpuException(
                        GpuException.Code.REFUSED, "this process sees no device with uuid=" + deviceUuid))
                .ordinal();
        Device other = Device.open(ordinal);
        boolean reached = false;
        try {
            device.reach(other);
            reached = true;
        } finally {
            if (!reached) {
                other.close();
            }
        }
        return new PeerMapping(address, other::close);
    }

    /** Opens memory by its handle of legacy IPC. */
    public static PeerMapping ofHandle(Device device, byte[] handle) {
        byte[] kept = handle.clone();
        return new PeerMapping(device.plain().open(kept), () -> device.plain().close(kept));
    }

    /** Maps memory by a descriptor of this process, which stays the caller's. */
    public static PeerMapping ofDescriptor(Device device, int descriptor, long bytes) {
        byte[] number = new byte[Integer.BYTES];
        ByteBuffer.wrap(number).order(ByteOrder.nativeOrder()).putInt(descriptor);
        return virtual(device, number, bytes, HandleType.POSIX_FD);
    }

    /** Maps memory of the NVLink domain by its fabric handle. */
    public static PeerMapping ofFabric(Device device, byte[] handle, long bytes) {
        return virtual(device, handle, bytes, HandleType.FABRIC);
    }

    private static PeerMapping virtual(Device device, byte[] handle, long bytes, HandleType type) {
        long address = device.virtual().open(handle, bytes, type).address();
        return new PeerMapping(address, () -> device.virtual().free(address));
    }

    /** Returns where the region begins, for this device. */
    public long address() {
        return address;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            unmap.run();
        }
    }
}
