// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUipcMemHandle;
import jcuda.driver.CUipcMem_flags;
import jcuda.driver.JCudaDriver;

/**
 * Memory of cuMemAlloc, which another process of the host opens by a handle of 64 bytes (legacy IPC), also when each of them sees
 * only its own device. A process does not open what it allocated itself. Threading: safe from any thread.
 */
public final class PlainMemory {
    /** Bytes of a handle. */
    public static final int HANDLE_BYTES = 64;

    private final Device device;
    private final Map<Long, CUdeviceptr> allocated = new ConcurrentHashMap<>();
    /** By handle: whoever opens memory that is open here already shares the mapping. */
    private final Map<ByteBuffer, Opened> opened = new HashMap<>();

    private static final class Opened {
        private final CUdeviceptr pointer;
        private int count = 1;

        private Opened(CUdeviceptr pointer) {
            this.pointer = pointer;
        }
    }

    PlainMemory(Device device) {
        this.device = device;
    }

    /**
     * Allocates memory that is the caller's until {@link #free}; its content is undefined.
     *
     * @throws GpuException OUT_OF_MEMORY with the figures of the device
     */
    public long allocate(long bytes) {
        device.enter();
        CUdeviceptr pointer = new CUdeviceptr();
        DriverCalls.check(JCudaDriver.cuMemAlloc(pointer, bytes), "allocating bytes=" + bytes, device);
        long address = DriverCalls.of(pointer);
        allocated.put(address, pointer);
        return address;
    }

    /** Gives memory back, once nothing of this process uses it; who has it open in another process keeps it. */
    public void free(long address) {
        CUdeviceptr pointer = allocated.remove(address);
        if (pointer != null) {
            device.enter();
            DriverCalls.check(JCudaDriver.cuMemFree(pointer), "cuMemFree", device);
        }
    }

    /** Returns the handle by which another process opens the whole allocation that an address begins. */
    public byte[] export(long address) {
        device.enter();
        CUipcMemHandle handle = new CUipcMemHandle();
        CUdeviceptr pointer = allocated.getOrDefault(address, DriverCalls.at(address));
        DriverCalls.check(JCudaDriver.cuIpcGetMemHandle(handle, pointer), "cuIpcGetMemHandle", device);
        return bytes(handle).clone();
    }

    /** Maps another process's memory; {@link #close} unmaps it when it was called as often. */
    public synchronized long open(byte[] handle) {
        ByteBuffer key = ByteBuffer.wrap(handle.clone());
        Opened found = opened.get(key);
        if (found != null) {
            found.count++;
            return DriverCalls.of(found.pointer);
        }
        device.enter();
        CUipcMemHandle known = new CUipcMemHandle();
        System.arraycopy(handle, 0, bytes(known), 0, HANDLE_BYTES);
        CUdeviceptr pointer = new CUdeviceptr();
        DriverCalls.check(
                JCudaDriver.cuIpcOpenMemHandle(pointer, known, CUipcMem_flags.CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS),
                "cuIpcOpenMemHandle",
                device);
        opened.put(key, new Opened(pointer));
        return DriverCalls.of(pointer);
    }

    /** Unmaps another process's memory. */
    public synchronized void close(byte[] handle) {
        ByteBuffer key = ByteBuffer.wrap(handle.clone());
        Opened found = opened.get(key);
        if (found != null && --found.count == 0) {
            opened.remove(key);
            device.enter();
            DriverCalls.check(JCudaDriver.cuIpcCloseMemHandle(found.pointer), "cuIpcCloseMemHandle", device);
        }
    }

    /** Returns how many allocations and mappings are not given back. */
    public synchronized int held() {
        return allocated.size() + opened.size();
    }

    /** JCuda keeps the bytes to itself. */
    private static byte[] bytes(CUipcMemHandle handle) {
        try {
            Field reserved = CUipcMemHandle.class.getDeclaredField("reserved");
            reserved.setAccessible(true);
            byte[] bytes = (byte[]) reserved.get(handle);
            if (bytes.length != HANDLE_BYTES) {
                throw new IllegalStateException("JCuda's handles have " + bytes.length + " bytes");
            }
            return bytes;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this JCuda keeps handles of legacy IPC otherwise than 12.6.0", e);
        }
    }
}
