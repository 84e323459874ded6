// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.memory;

import io.sparkmooncake.gpu.driver.AddressKind;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.GpuException.Code;
import io.sparkmooncake.gpu.driver.VirtualMemory;
import io.sparkmooncake.gpu.driver.VirtualMemory.HandleType;

/**
 * One allocation of a device that other processes of the host can map. Closing it frees it here, once; who has it mapped keeps it.
 * Threading: safe from any thread.
 */
public final class DeviceRegion implements AutoCloseable {
    private final Device device;
    private final Kind kind;
    private final long address;
    private final long sizeBytes;
    private boolean closed;

    /** How other processes reach it. */
    public enum Kind {
        /** Allocated here, opened by a handle of legacy IPC. */
        PLAIN,
        /** Created here, mapped by a descriptor that travels through a Unix socket. */
        VIRTUAL,
        /** Created here, mapped by a handle that any node of the NVLink domain can import. */
        FABRIC,
        /** Another library's allocation, opened by a handle of legacy IPC; closing it frees nothing. */
        EXTERNAL
    }

    private DeviceRegion(Device device, Kind kind, long address, long sizeBytes) {
        this.device = device;
        this.kind = kind;
        this.address = address;
        this.sizeBytes = sizeBytes;
    }

    /**
     * Allocates a region, which is the caller's.
     *
     * @throws GpuException OUT_OF_MEMORY with the device's figures
     */
    public static DeviceRegion allocate(Device device, Kind kind, long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("bytes=" + bytes + " of a region, least is 1");
        }
        try {
            if (kind == Kind.VIRTUAL || kind == Kind.FABRIC) {
                HandleType type = kind == Kind.FABRIC ? HandleType.FABRIC : HandleType.POSIX_FD;
                VirtualMemory.Mapped mapped = device.virtual().create(bytes, type);
                return new DeviceRegion(device, kind, mapped.address(), mapped.sizeBytes());
            }
            if (kind == Kind.PLAIN) {
                return new DeviceRegion(device, kind, device.plain().allocate(bytes), bytes);
            }
        } catch (GpuException e) {
            if (e.code() == Code.OUT_OF_MEMORY) {
                Device.Room room = device.room();
                throw new GpuException(
                        Code.OUT_OF_MEMORY,
                        e.getMessage() + ": free=" + room.freeBytes() + " of total=" + room.totalBytes()
                                + "; free memory, or lower what other processes hold of this device",
                        e);
            }
            throw e;
        }
        throw new IllegalArgumentException("kind=" + kind + " is not allocated here: use external");
    }

    /**
     * Registers the allocation that an address of another library is in. The library keeps it until the region is closed.
     *
     * @throws GpuException REFUSED with the kind that the driver says it is
     */
    public static DeviceRegion external(Device device, long address) {
        AddressKind kind = device.kindOf(address);
        String refusal = kind.refusal();
        if (refusal.isEmpty() && kind.ordinal() != device.identity().ordinal()) {
            refusal = "it is on " + kind.location();
        }
        if (!refusal.isEmpty()) {
            throw new GpuException(
                    Code.REFUSED,
                    "memory at address=0x" + Long.toHexString(address) + " cannot be registered on " + device + ": "
                            + refusal);
        }
        Device.Range range = device.rangeOf(address);
        return new DeviceRegion(device, Kind.EXTERNAL, range.address(), range.sizeBytes());
    }

    /** Returns the device it is on. */
    public Device device() {
        return device;
    }

    /** Returns how other processes reach it. */
    public Kind kind() {
        return kind;
    }

    /** Returns the address of its first byte. */
    public long address() {
        return address;
    }

    /** Returns its length. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** Tells that a stretch is within it. */
    public boolean contains(long begin, long bytes) {
        return begin >= address && bytes >= 0 && begin - address <= sizeBytes - bytes;
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        switch (kind) {
            case PLAIN -> device.plain().free(address);
            case VIRTUAL, FABRIC -> device.virtual().free(address);
            case EXTERNAL -> {}
        }
    }

    @Override
    public String toString() {
        return kind + " region of bytes=" + sizeBytes + " at address=0x" + Long.toHexString(address) + " on " + device;
    }
}
