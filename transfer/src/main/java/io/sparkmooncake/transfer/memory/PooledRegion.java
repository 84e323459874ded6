// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** A region of a pool, its free space, and how much of its file has blocks. Threading: guarded by its pool but for writes. */
final class PooledRegion {
    private final HostRegion region;
    private final @Nullable SharedFile file;
    private final FreeSpace free;
    private long reservedBytes;
    private long idleSinceNanos = System.nanoTime();

    PooledRegion(HostRegion region) {
        this.region = region;
        this.file = region instanceof MappedRegion mapped ? mapped.file() : null;
        this.free = new FreeSpace(region.sizeBytes());
    }

    HostRegion region() {
        return region;
    }

    FreeSpace free() {
        return free;
    }

    long reservedBytes() {
        return reservedBytes;
    }

    /** Sees to it that {@code [0, end)} has blocks. */
    void reserve(long end) throws IOException {
        if (file != null && end > reservedBytes) {
            file.reserve(RegionHeaderLayout.SIZE_BYTES + reservedBytes, RegionHeaderLayout.SIZE_BYTES + end);
            reservedBytes = end;
        }
    }

    void write(long offset, ByteBuffer bytes) throws IOException {
        if (file != null) {
            file.write(RegionHeaderLayout.SIZE_BYTES + offset, bytes);
        } else {
            region.slice(offset, bytes.remaining()).put(bytes);
        }
    }

    void usedUntil(long nanos) {
        idleSinceNanos = nanos;
    }

    long idleSinceNanos() {
        return idleSinceNanos;
    }
}
