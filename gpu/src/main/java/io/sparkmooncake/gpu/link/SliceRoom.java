// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceEvent;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.PinnedMemory;
import org.jspecify.annotations.Nullable;

/**
 * What one slice of a batch needs while it is on its way: a table of blocks for {@code gatherBlocks}, here and on the device, room for
 * the tags that are read behind the copies, pinned memory for what the host takes part in, and the event that ends it. Reused.
 *
 * <p>Threading: its lane's lock.
 */
final class SliceRoom implements AutoCloseable {
    static final int ROWS = 16_384;
    static final int TAGS = 64;
    static final int BOUNCE_BYTES = 8 << 20;
    private static final int ROW_BYTES = 3 * Long.BYTES;
    private static final int TAGS_OFFSET = ROWS * ROW_BYTES;

    private final Device device;
    private final PinnedMemory pinned;
    private final long table;
    private @Nullable PinnedMemory bounce;
    final DeviceEvent done;
    private int rows;
    private int tags;

    SliceRoom(Device device) {
        this.device = device;
        try (Taken taken = new Taken()) {
            this.pinned = taken.add(device.pin(TAGS_OFFSET + TAGS * RegionTag.BYTES), PinnedMemory::close);
            this.table = taken.add(device.plain().allocate((long) ROWS * ROW_BYTES), device.plain()::free);
            this.done = device.event();
            taken.keep();
        }
    }

    void clear() {
        rows = 0;
        tags = 0;
    }

    int rows() {
        return rows;
    }

    void row(long source, long target, long bytes) {
        int at = rows++ * ROW_BYTES;
        pinned.bytes().putLong(at, source).putLong(at + 8, target).putLong(at + 16, bytes);
    }

    /** Queues the copy of the table, and returns where the device has it. */
    long table(DeviceStream stream) {
        device.upload(table, pinned, 0, (long) rows * ROW_BYTES, stream);
        return table;
    }

    /** Queues that a tag is read; returns where it will be in {@link #tagBytes}. */
    int tag(long address, DeviceStream stream) {
        int at = TAGS_OFFSET + tags++ * RegionTag.BYTES;
        device.download(pinned, at, address, RegionTag.BYTES, stream);
        return at;
    }

    java.nio.ByteBuffer tagBytes() {
        return pinned.bytes();
    }

    PinnedMemory bounce() {
        if (bounce == null) {
            bounce = device.pin(BOUNCE_BYTES);
        }
        return bounce;
    }

    @Override
    public void close() {
        done.close();
        pinned.close();
        if (bounce != null) {
            bounce.close();
        }
        device.plain().free(table);
    }
}
