// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmemAccessDesc;
import jcuda.driver.CUmemAllocationProp;
import jcuda.driver.CUmemGenericAllocationHandle;
import jcuda.driver.CUmemLocation;
import jcuda.driver.JCudaDriver;

/**
 * Memory of cuMemCreate, mapped by handles: a file descriptor within a host, a fabric handle across the nodes of an NVLink domain.
 * Threading: safe from any thread.
 */
public final class VirtualMemory {
    private static final int PINNED = 1;
    private static final int ON_DEVICE = 1;
    private static final int READ_WRITE = 3;
    private static final int RECOMMENDED = 1;
    private static final int PATTERN_BYTES = 4096;

    private final Device device;
    private final Map<Long, Mapping> mappings = new ConcurrentHashMap<>();

    /** How memory is handed to another process. */
    public enum HandleType {
        /** A descriptor, which travels through a Unix socket; its handle is the number in this process. */
        POSIX_FD(1, Integer.BYTES, 102),
        /** 64 bytes that any node of the NVLink domain can import, given an IMEX channel. */
        FABRIC(8, 64, 128);

        private final int number;
        private final int handleBytes;
        private final int attribute;

        HandleType(int number, int handleBytes, int attribute) {
            this.number = number;
            this.handleBytes = handleBytes;
            this.attribute = attribute;
        }
    }

    private record Mapping(CUdeviceptr at, long bytes, CUmemGenericAllocationHandle handle) {}

    /**
     * Memory that is mapped.
     *
     * @param address of the first byte
     * @param sizeBytes a multiple of the granularity, at least what was asked for
     */
    public record Mapped(long address, long sizeBytes) {}

    VirtualMemory(Device device) {
        this.device = device;
    }

    /** Creates and maps memory that can be exported as this type; the caller's until {@link #free}. */
    public Mapped create(long bytes, HandleType type) {
        device.enter();
        CUmemAllocationProp properties = new CUmemAllocationProp();
        properties.type = PINNED;
        properties.requestedHandleTypes = type.number;
        properties.location = new CUmemLocation(ON_DEVICE, device.identity().ordinal());
        long[] grain = new long[1];
        DriverCalls.check(
                JCudaDriver.cuMemGetAllocationGranularity(grain, properties, RECOMMENDED),
                "granularity of memory for " + type,
                device);
        long size = (bytes + grain[0] - 1) / grain[0] * grain[0];
        CUmemGenericAllocationHandle handle = new CUmemGenericAllocationHandle();
        DriverCalls.check(
                Creation.create(handle, size, device.identity().ordinal(), type.number),
                "cuMemCreate of bytes=" + size + " for " + type,
                device);
        return map(handle, size);
    }

    /** Maps what another process exported; {@link #free} unmaps it. The bytes are those of the whole allocation. */
    public Mapped open(byte[] exported, long bytes, HandleType type) {
        device.enter();
        CUmemGenericAllocationHandle handle = new CUmemGenericAllocationHandle();
        ByteBuffer number = ByteBuffer.wrap(exported).order(ByteOrder.nativeOrder());
        Pointer shared = type == HandleType.POSIX_FD ? DriverCalls.number(number.getInt(0)) : Pointer.to(exported);
        DriverCalls.check(
                JCudaDriver.cuMemImportFromShareableHandle(handle, shared, type.number),
                "cuMemImportFromShareableHandle of " + type,
                device);
        return map(handle, bytes);
    }

    private Mapped map(CUmemGenericAllocationHandle handle, long bytes) {
        CUdeviceptr at = new CUdeviceptr();
        boolean reserved = false;
        boolean mapped = false;
        boolean done = false;
        try {
            DriverCalls.check(
                    JCudaDriver.cuMemAddressReserve(at, bytes, 0, new CUdeviceptr(), 0),
                    "reserving addresses for bytes=" + bytes,
                    device);
            reserved = true;
            DriverCalls.check(JCudaDriver.cuMemMap(at, bytes, 0, handle, 0), "cuMemMap of bytes=" + bytes, device);
            mapped = true;
            CUmemAccessDesc[] access = {
                new CUmemAccessDesc(
                        new CUmemLocation(ON_DEVICE, device.identity().ordinal()), READ_WRITE)
            };
            DriverCalls.check(JCudaDriver.cuMemSetAccess(at, bytes, access, 1), "cuMemSetAccess", device);
            long address = DriverCalls.of(at);
            mappings.put(address, new Mapping(at, bytes, handle));
            done = true;
            return new Mapped(address, bytes);
        } finally {
            if (!done) {
                release(at, bytes, handle, reserved, mapped);
            }
        }
    }

    private static void release(
            CUdeviceptr at, long bytes, CUmemGenericAllocationHandle handle, boolean reserved, boolean mapped) {
        if (mapped) {
            JCudaDriver.cuMemUnmap(at, bytes);
        }
        if (reserved) {
            JCudaDriver.cuMemAddressFree(at, bytes);
        }
        JCudaDriver.cuMemRelease(handle);
    }

    /** Returns the handle of created memory; a descriptor is the caller's, who closes it. */
    public byte[] export(long address, HandleType type) {
        Mapping mapping = mappings.get(address);
        if (mapping == null) {
            throw new IllegalArgumentException("address=0x" + Long.toHexString(address) + " begins no mapped memory");
        }
        device.enter();
        byte[] handle = new byte[type.handleBytes];
        DriverCalls.check(
                JCudaDriver.cuMemExportToShareableHandle(Pointer.to(handle), mapping.handle, type.number, 0),
                "cuMemExportToShareableHandle to " + type,
                device);
        return handle;
    }

    /** Unmaps memory; it is freed when nobody has it mapped any more. */
    public void free(long address) {
        Mapping mapping = mappings.remove(address);
        if (mapping != null) {
            device.enter();
            release(mapping.at, mapping.bytes, mapping.handle, true, true);
        }
    }

    /** Returns how many mappings are not given back. */
    public int held() {
        return mappings.size();
    }

    /**
     * Tries whether this type really works: creates, exports, imports and maps memory, and reads through one mapping what was written
     * through the other.
     *
     * @param close closes a descriptor of this process
     * @return why it does not; empty where it does
     */
    public String probe(HandleType type, java.util.function.IntConsumer close) {
        long own = 0;
        long other = 0;
        try {
            Mapped created = create(PATTERN_BYTES, type);
            own = created.address();
            byte[] handle = export(own, type);
            other = open(handle, created.sizeBytes(), type).address();
            if (type == HandleType.POSIX_FD) {
                close.accept(
                        ByteBuffer.wrap(handle).order(ByteOrder.nativeOrder()).getInt(0));
            }
            ByteBuffer pattern = ByteBuffer.allocateDirect(PATTERN_BYTES);
            for (int i = 0; i < PATTERN_BYTES; i++) {
                pattern.put(i, (byte) (i * 31 + type.number));
            }
            device.write(other, pattern);
            ByteBuffer seen = ByteBuffer.allocateDirect(PATTERN_BYTES);
            device.read(seen, own);
            return seen.equals(pattern) ? "" : "what was written through an import was not read through the original";
        } catch (GpuException | UnsupportedOperationException e) {
            return e.getMessage() + advice(type);
        } finally {
            free(other);
            free(own);
        }
    }

    private String advice(HandleType type) {
        if (type != HandleType.FABRIC) {
            return "";
        }
        boolean channel = Files.exists(Path.of("/dev/nvidia-caps-imex-channels/channel0"));
        return "; the device says supported=" + device.attribute(type.attribute)
                + (channel
                        ? ", and there is an IMEX channel"
                        : ", and there is no IMEX channel: /dev/nvidia-caps-imex-channels/channel0 is not there");
    }
}
