// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import io.sparkmooncake.transfer.memory.RegionSet.Kind;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes the regions of a pool and frees them. Threading: safe from any thread. */
final class RegionMaker {
    private final Kind kind;
    private final RegionListener listener;

    RegionMaker(Kind kind, RegionListener listener) {
        this.kind = kind;
        this.listener = listener;
    }

    /** Creates and registers a region, or neither. */
    @Nullable
    PooledRegion create(@Nullable RegionDirectory directory, long regionBytes) throws IOException {
        HostRegion region;
        if (directory == null) {
            region = allocate(regionBytes);
        } else {
            try {
                region = kind == Kind.FILES
                        ? Regions.createFile(directory.path(), regionBytes)
                        : Regions.create(directory.path(), regionBytes, Location.ANY);
                directory.wrote(0);
            } catch (ClosedChannelException interrupted) {
                throw interrupted;
            } catch (IOException e) {
                directory.failed(e);
                return null;
            }
        }
        boolean registered = false;
        try {
            if (region != null) {
                listener.created(region);
            }
            registered = true;
        } finally {
            if (!registered && region != null) {
                region.release();
            }
        }
        return region == null ? null : new PooledRegion(region, directory);
    }

    /** The JVM's own limit of direct memory is a full pool, not the end of the executor. */
    private static @Nullable HostRegion allocate(long size) {
        try {
            return size > Integer.MAX_VALUE ? null : Regions.allocate(size);
        } catch (OutOfMemoryError directMemoryIsFull) {
            return null;
        }
    }

    /** Frees regions without extents, every one of them also if the listener throws. */
    void retire(List<PooledRegion> unused) {
        @Nullable RuntimeException failure = null;
        for (PooledRegion home : unused) {
            try {
                listener.retiring(home.region());
            } catch (RuntimeException e) {
                failure = e;
            } finally {
                home.region().release();
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
