// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.memory;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import java.util.Objects;

/** A part of a pooled region, its user's until it is closed. Threading: as its memory; {@link #close} from any thread. */
public final class DeviceExtent implements AutoCloseable {
    private final DevicePool pool;
    private final DeviceRegion region;
    private final long address;
    private final long sizeBytes;
    private boolean closed;

    DeviceExtent(DevicePool pool, DeviceRegion region, long address, long sizeBytes) {
        this.pool = pool;
        this.region = region;
        this.address = address;
        this.sizeBytes = sizeBytes;
    }

    /** Returns the address of the first byte, a multiple of 256; of 64 KiB for 1 MiB and more. */
    public long address() {
        return address;
    }

    /** Returns the length, as it was asked for. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** Returns the region that it is of. */
    public DeviceRegion region() {
        return region;
    }

    /** Returns a view of elements, from an offset in bytes on. */
    public DeviceElements elements(DataType type, long offsetBytes, long count) {
        Objects.checkFromIndexSize(offsetBytes, Math.multiplyExact(count, type.sizeBytes()), sizeBytes);
        return new DeviceElements(
                type, count, address + offsetBytes, region.device().identity().location());
    }

    /** Gives it back; nothing on a device may use it any more. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            pool.give(region, address, sizeBytes);
        }
    }
}
