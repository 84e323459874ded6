// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import io.sparkmooncake.transfer.memory.Location;

/**
 * What the driver says of an address, which nobody may assume from who uses it.
 *
 * @param memory where it is
 * @param legacyIpc whether another process can open it by the handle of legacy CUDA IPC
 * @param handleTypes bits of the handles that its virtual memory can be exported as; 0 for memory that is not virtual
 * @param managed whether pages move between host and device
 * @param pooled whether it is of a stream-ordered pool
 * @param ordinal of the device; −1 for memory that the driver does not know
 */
public record AddressKind(
        Memory memory, boolean legacyIpc, int handleTypes, boolean managed, boolean pooled, int ordinal) {
    /** Kinds of memory. */
    public enum Memory {
        /** The driver does not know it: memory of the host that nobody pinned. */
        UNKNOWN,
        /** Pinned memory of the host. */
        HOST,
        /** Memory of a device. */
        DEVICE
    }

    /** Returns the location that describes it. */
    public Location location() {
        return memory == Memory.DEVICE ? new Location(Location.Kind.CUDA, ordinal) : Location.ANY;
    }

    /** Returns why peers cannot map it; empty where they can. */
    public String refusal() {
        if (memory != Memory.DEVICE) {
            return "it is " + (memory == Memory.HOST ? "pinned host memory" : "no memory of a device");
        }
        if (managed) {
            return "it is managed memory, whose pages move";
        }
        if (pooled) {
            return "it is of a cudaMallocAsync pool, whose memory legacy IPC does not open: allocate it with cudaMalloc";
        }
        return legacyIpc ? "" : "legacy IPC does not open it, and who mapped it has no handle for others";
    }
}
