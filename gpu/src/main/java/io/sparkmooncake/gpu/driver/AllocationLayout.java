// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import com.sun.jna.Memory;

/**
 * The structures of cuda.h that the calls for virtual memory take, as the driver has them since CUDA 12.
 *
 * <pre>
 *  CUmemAllocationProp, 32 bytes                       CUmemAccessDesc, 12 bytes
 *   0  type                      4  handle types        0  kind of location   4  ordinal
 *   8  kind of location         12  ordinal             8  flags
 *  16  meta data (Windows only)
 *  24  compression, GPUDirect RDMA, usage, reserved
 * </pre>
 */
final class AllocationLayout {
    static final int PROPERTIES_BYTES = 32;
    static final int TYPE = 0;
    static final int HANDLE_TYPES = 4;
    static final int LOCATION_KIND = 8;
    static final int LOCATION_ORDINAL = 12;

    static final int ACCESS_BYTES = 12;
    static final int ACCESS_KIND = 0;
    static final int ACCESS_ORDINAL = 4;
    static final int ACCESS_FLAGS = 8;

    private static final int PINNED = 1;
    private static final int ON_DEVICE = 1;
    private static final int READ_WRITE = 3;

    private AllocationLayout() {}

    static Memory properties(int ordinal, int handleType) {
        Memory properties = new Memory(PROPERTIES_BYTES);
        properties.clear();
        properties.setInt(TYPE, PINNED);
        properties.setInt(HANDLE_TYPES, handleType);
        properties.setInt(LOCATION_KIND, ON_DEVICE);
        properties.setInt(LOCATION_ORDINAL, ordinal);
        return properties;
    }

    static Memory access(int ordinal) {
        Memory access = new Memory(ACCESS_BYTES);
        access.clear();
        access.setInt(ACCESS_KIND, ON_DEVICE);
        access.setInt(ACCESS_ORDINAL, ordinal);
        access.setInt(ACCESS_FLAGS, READ_WRITE);
        return access;
    }
}
