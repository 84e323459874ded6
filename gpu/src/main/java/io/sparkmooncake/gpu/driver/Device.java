// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import io.sparkmooncake.gpu.driver.GpuException.Code;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUpointer_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * A device in use by this process, over its primary context, which other libraries share. Each thread that calls anything of it has
 * that context as its current one from then on.
 *
 * <p>Threading: safe from any thread.
 */
public final class Device implements AutoCloseable {
    private static final Duration COPY_LIMIT = Duration.ofSeconds(30);

    private final DeviceIdentity identity;
    private final CUdevice device;
    private final CUcontext context;
    private final PlainMemory plain = new PlainMemory(this);
    private final VirtualMemory virtual = new VirtualMemory(this);
    private boolean closed;

    /**
     * What a device has left.
     *
     * @param freeBytes of all processes
     * @param totalBytes of the device
     */
    public record Room(long freeBytes, long totalBytes) {}

    private Device(DeviceIdentity identity, CUdevice device, CUcontext context) {
        this.identity = identity;
        this.device = device;
        this.context = context;
    }

    /**
     * Opens a device; the first in a process takes a second.
     *
     * @throws GpuException UNAVAILABLE with the cause
     */
    public static Device open(int ordinal) {
        DeviceIdentity identity = Cuda.device(ordinal);
        CUdevice device = new CUdevice();
        DriverCalls.check(JCudaDriver.cuDeviceGet(device, ordinal), "cuDeviceGet", identity.describe());
        CUcontext context = new CUcontext();
        DriverCalls.check(
                JCudaDriver.cuDevicePrimaryCtxRetain(context, device), "cuDevicePrimaryCtxRetain", identity.describe());
        Device opened = new Device(identity, device, context);
        opened.enter();
        return opened;
    }

    /** Returns which device it is. */
    public DeviceIdentity identity() {
        return identity;
    }

    /** Returns its memory that legacy IPC shares. */
    public PlainMemory plain() {
        return plain;
    }

    /** Returns its memory that is mapped by handles. */
    public VirtualMemory virtual() {
        return virtual;
    }

    CUdevice handle() {
        return device;
    }

    int attribute(int attribute) {
        return DriverCalls.attribute(device, attribute);
    }

    /** Makes the context that of this thread. */
    void enter() {
        DriverCalls.check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent", this);
    }

    /** Lets kernels and copies of this device reach memory of another device that this process opened. */
    public void reach(Device other) {
        enter();
        int code = JCudaDriver.cuCtxEnablePeerAccess(other.context, 0);
        if (code != CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED) {
            DriverCalls.check(code, "access to " + other, this);
        }
    }

    /** Returns what the driver says of an address. */
    public AddressKind kindOf(long address) {
        enter();
        int[] type = new int[1];
        CUdeviceptr at = DriverCalls.at(address);
        if (JCudaDriver.cuPointerGetAttribute(
                        Pointer.to(type), CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, at)
                != CUresult.CUDA_SUCCESS) {
            return new AddressKind(AddressKind.Memory.UNKNOWN, false, 0, false, false, -1);
        }
        AddressKind.Memory memory = switch (type[0]) {
            case 1 -> AddressKind.Memory.HOST;
            case 2 -> AddressKind.Memory.DEVICE;
            default -> AddressKind.Memory.UNKNOWN;
        };
        return new AddressKind(
                memory,
                pointerAttribute(at, CUpointer_attribute.CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE) != 0,
                (int) pointerAttribute(at, CUpointer_attribute.CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES),
                pointerAttribute(at, CUpointer_attribute.CU_POINTER_ATTRIBUTE_IS_MANAGED) != 0,
                pointerAttribute(at, CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE) != 0,
                (int) pointerAttribute(at, CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL));
    }

    private static long pointerAttribute(CUdeviceptr at, int attribute) {
        long[] value = new long[2];
        int code = JCudaDriver.cuPointerGetAttribute(Pointer.to(value), attribute, at);
        return code == CUresult.CUDA_SUCCESS ? value[0] : 0;
    }

    /**
     * A stretch of memory.
     *
     * @param address of the first byte
     * @param sizeBytes of all of it
     */
    public record Range(long address, long sizeBytes) {}

    /** Returns the whole allocation that an address is in. */
    public Range rangeOf(long address) {
        enter();
        CUdeviceptr begin = new CUdeviceptr();
        long[] bytes = new long[1];
        DriverCalls.check(
                JCudaDriver.cuMemGetAddressRange(begin, bytes, DriverCalls.at(address)),
                "allocation of address=0x" + Long.toHexString(address),
                this);
        return new Range(DriverCalls.of(begin), bytes[0]);
    }

    /** Returns what is left, of all processes. */
    public Room room() {
        enter();
        long[] free = new long[1];
        long[] total = new long[1];
        DriverCalls.check(JCudaDriver.cuMemGetInfo(free, total), "cuMemGetInfo", this);
        return new Room(free[0], total[0]);
    }

    /** Allocates pinned memory of the host, which is the caller's. */
    public PinnedMemory pin(int sizeBytes) {
        enter();
        Pointer pointer = new Pointer();
        DriverCalls.check(
                JCudaDriver.cuMemHostAlloc(pointer, sizeBytes, JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP | 1),
                "pinning bytes=" + sizeBytes,
                this);
        CUdeviceptr seen = new CUdeviceptr();
        DriverCalls.check(JCudaDriver.cuMemHostGetDevicePointer(seen, pointer, 0), "cuMemHostGetDevicePointer", this);
        return new PinnedMemory(this, pointer, sizeBytes, DriverCalls.of(seen));
    }

    /** Creates a stream that waits for no other, which is the caller's. */
    public DeviceStream stream() {
        enter();
        CUstream stream = new CUstream();
        DriverCalls.check(
                JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate", this);
        return new DeviceStream(this, stream);
    }

    /**
     * Returns a stream that another library made on this device, and keeps as long as this one is used.
     *
     * @param handle its CUstream or cudaStream_t
     */
    public DeviceStream foreignStream(long handle) {
        return DeviceStream.foreign(this, handle);
    }

    /** Creates an event without timing, which is the caller's. */
    public DeviceEvent event() {
        return event(CUevent_flags.CU_EVENT_DISABLE_TIMING);
    }

    /** Creates an event with timing, which is the caller's. */
    public DeviceEvent timer() {
        return event(CUevent_flags.CU_EVENT_DEFAULT);
    }

    private DeviceEvent event(int flags) {
        enter();
        CUevent event = new CUevent();
        DriverCalls.check(JCudaDriver.cuEventCreate(event, flags), "cuEventCreate", this);
        return new DeviceEvent(this, event);
    }

    /** Queues a copy between memories that this device reaches. */
    public void copy(long target, long source, long bytes, DeviceStream stream) {
        enter();
        DriverCalls.check(
                JCudaDriver.cuMemcpyDtoDAsync(DriverCalls.at(target), DriverCalls.at(source), bytes, stream.handle()),
                "copy of bytes=" + bytes,
                this);
    }

    /** Queues a copy from pinned memory of the host, which is not changed before it is done. */
    public void upload(long target, PinnedMemory source, long offset, long bytes, DeviceStream stream) {
        enter();
        DriverCalls.check(
                JCudaDriver.cuMemcpyHtoDAsync(DriverCalls.at(target), source.pointer(offset), bytes, stream.handle()),
                "copy of bytes=" + bytes + " from the host",
                this);
    }

    /** Queues a copy to pinned memory of the host. */
    public void download(PinnedMemory target, long offset, long source, long bytes, DeviceStream stream) {
        enter();
        DriverCalls.check(
                JCudaDriver.cuMemcpyDtoHAsync(target.pointer(offset), DriverCalls.at(source), bytes, stream.handle()),
                "copy of bytes=" + bytes + " to the host",
                this);
    }

    /** Copies from memory of the host, and returns when it is there; waits for no other stream. */
    public void write(long target, ByteBuffer source) {
        try (DeviceStream stream = stream()) {
            DriverCalls.check(
                    JCudaDriver.cuMemcpyHtoDAsync(
                            DriverCalls.at(target), Pointer.toBuffer(source), source.remaining(), stream.handle()),
                    "copy of bytes=" + source.remaining() + " from the host",
                    this);
            stream.synchronize(COPY_LIMIT);
        }
    }

    /** Copies to memory of the host, and returns when it is there; waits for no other stream, but for the copy itself without a limit. */
    public void read(ByteBuffer target, long source) {
        try (DeviceStream stream = stream()) {
            DriverCalls.check(
                    JCudaDriver.cuMemcpyDtoHAsync(
                            Pointer.toBuffer(target), DriverCalls.at(source), target.remaining(), stream.handle()),
                    "copy of bytes=" + target.remaining() + " to the host",
                    this);
            stream.synchronize(COPY_LIMIT);
        }
    }

    /** Queues that every byte of a range becomes this one. */
    public void fill(long target, byte value, long bytes, DeviceStream stream) {
        enter();
        DriverCalls.check(
                JCudaDriver.cuMemsetD8Async(DriverCalls.at(target), value, bytes, stream.handle()),
                "fill of bytes=" + bytes,
                this);
    }

    /**
     * Loads an image, PTX text or machine code, and every kernel of it.
     *
     * @param names of all its kernels
     */
    public KernelModule load(byte[] image, List<String> names) {
        enter();
        CUmodule module = new CUmodule();
        DriverCalls.check(JCudaDriver.cuModuleLoadData(module, image), "loading kernels", this);
        Map<String, CUfunction> functions = new HashMap<>();
        List<String> missing = new ArrayList<>();
        for (String name : names) {
            CUfunction function = new CUfunction();
            int code = JCudaDriver.cuModuleGetFunction(function, module, name);
            if (code == CUresult.CUDA_SUCCESS) {
                functions.put(name, function);
            } else {
                missing.add(name + ": " + DriverCalls.say(code));
            }
        }
        if (!missing.isEmpty()) {
            JCudaDriver.cuModuleUnload(module);
            throw new GpuException(Code.REFUSED, "kernels=" + missing + " cannot be loaded on " + this);
        }
        return new KernelModule(this, module, functions);
    }

    /** Lets the context go; what was made from it is closed before. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            JCudaDriver.cuDevicePrimaryCtxRelease(device);
        }
    }

    @Override
    public String toString() {
        return identity.describe();
    }
}
