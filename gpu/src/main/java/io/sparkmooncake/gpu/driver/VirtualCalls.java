// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The driver's calls for virtual memory, through JNA. JCuda 12.6.0 reads the flags of an allocation from the wrong object, so that each
 * one asks to be a pool of tiles, and passes reserved bytes as the stack has them; its descriptions of access come out wrong, too.
 * Each call returns the driver's code; whoever calls has entered a context. Threading: safe from any thread.
 */
final class VirtualCalls {
    private static final String LIBRARY = "libcuda.so.1";
    private static final int RECOMMENDED = 1;
    private static final int SHARED_BYTES = 64;
    private static final int POSIX_FD = 1;

    private final NativeLibrary driver;

    private VirtualCalls(NativeLibrary driver) {
        this.driver = driver;
    }

    /**
     * Finds the driver's library, which JCuda has loaded already.
     *
     * @throws LinkageError where JNA or the library is missing; without JNA this class cannot be linked, so callers catch it
     */
    static VirtualCalls open() {
        return new VirtualCalls(NativeLibrary.getInstance(LIBRARY));
    }

    private int call(String name, Object... arguments) {
        return driver.getFunction(name).invokeInt(arguments);
    }

    int granularity(long[] bytes, int ordinal, int handleType) {
        try (Memory properties = AllocationLayout.properties(ordinal, handleType)) {
            return call("cuMemGetAllocationGranularity", bytes, properties, RECOMMENDED);
        }
    }

    int create(long[] handle, long bytes, int ordinal, int handleType) {
        try (Memory properties = AllocationLayout.properties(ordinal, handleType)) {
            return call("cuMemCreate", handle, bytes, properties, 0L);
        }
    }

    int release(long handle) {
        return call("cuMemRelease", handle);
    }

    /** Writes a descriptor as an int, or the bytes of a fabric handle. */
    int exportHandle(byte[] exported, long handle, int handleType) {
        try (Memory shared = new Memory(SHARED_BYTES)) {
            shared.clear();
            int code = call("cuMemExportToShareableHandle", shared, handle, handleType, 0L);
            shared.read(0, exported, 0, Math.min(exported.length, SHARED_BYTES));
            return code;
        }
    }

    int importHandle(long[] handle, byte[] exported, int handleType) {
        try (Memory shared = new Memory(SHARED_BYTES)) {
            shared.clear();
            shared.write(0, exported, 0, Math.min(exported.length, SHARED_BYTES));
            int descriptor =
                    ByteBuffer.wrap(exported).order(ByteOrder.nativeOrder()).getInt(0);
            Pointer given = handleType == POSIX_FD ? Pointer.createConstant(descriptor) : shared;
            return call("cuMemImportFromShareableHandle", handle, given, handleType);
        }
    }

    /** Reserves addresses, maps all of the memory there, and lets the device read and write it; or leaves nothing behind. */
    int map(long[] address, long handle, long bytes, int ordinal) {
        int code = call("cuMemAddressReserve", address, bytes, 0L, 0L, 0L);
        if (code != 0) {
            return code;
        }
        long at = address[0];
        code = call("cuMemMap", at, bytes, 0L, handle, 0L);
        if (code == 0) {
            try (Memory access = AllocationLayout.access(ordinal)) {
                code = call("cuMemSetAccess", at, bytes, access, 1L);
            }
            if (code != 0) {
                call("cuMemUnmap", at, bytes);
            }
        }
        if (code != 0) {
            call("cuMemAddressFree", at, bytes);
        }
        return code;
    }

    int unmap(long address, long bytes) {
        int code = call("cuMemUnmap", address, bytes);
        int freed = call("cuMemAddressFree", address, bytes);
        return code == 0 ? freed : code;
    }
}
