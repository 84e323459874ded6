// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import io.sparkmooncake.transfer.memory.Location;
import java.util.Objects;

/**
 * Elements in the memory of a device, which the CPU does not address: only fabrics of that device take them. A view, which owns
 * nothing. Threading: see {@link Elements}.
 *
 * @param type of every element
 * @param count number of elements
 * @param address of the first one, a multiple of the element's size
 * @param location of the device, as this process numbers it
 */
public record DeviceElements(DataType type, long count, long address, Location location) implements Elements {
    /** Checks that it is a device's, and that elements are aligned. */
    public DeviceElements {
        if (location.kind() != Location.Kind.CUDA) {
            throw new IllegalArgumentException("location=" + location + " is no device");
        }
        if (count < 0 || address % type.sizeBytes() != 0) {
            throw new IllegalArgumentException("count=" + count + " elements of type=" + type.label() + " at address=0x"
                    + Long.toHexString(address) + ": a count is at least 0, and an address a multiple of "
                    + type.sizeBytes());
        }
        Objects.requireNonNull(location, "location");
    }

    /** Returns how long it is. */
    public long sizeBytes() {
        return Math.multiplyExact(count, type.sizeBytes());
    }

    @Override
    public ContiguousElements piece(long index) {
        throw unreachable();
    }

    @Override
    public int within(long index) {
        throw unreachable();
    }

    private IllegalArgumentException unreachable() {
        return new IllegalArgumentException("elements=" + type.label() + "[" + count + "] are on " + location
                + ", which this communicator does not reach: join with that device, or copy them to the host");
    }

    @Override
    public DeviceElements slice(long from, long count) {
        Objects.checkFromIndexSize(from, count, this.count);
        return new DeviceElements(type, count, address + from * type.sizeBytes(), location);
    }
}
