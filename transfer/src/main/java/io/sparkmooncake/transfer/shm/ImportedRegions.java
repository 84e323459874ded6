// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.IOException;
import java.util.Iterator;
import java.util.concurrent.ConcurrentHashMap;

/**
 * One peer's regions that are mapped here, one mapping per descriptor. The whole descriptor is the key: whoever changes any
 * part of it finds no mapping and must pass the header's test again.
 *
 * <p>Each mapping is counted once for this cache and once for each user; dropping it here never takes it from a user.
 *
 * <p>Threading: safe from any thread. Finding a mapping takes no lock and makes neither object nor system call.
 */
final class ImportedRegions {
    private final ConcurrentHashMap<RegionDescriptor, Mapping> mappings = new ConcurrentHashMap<>();
    private final Runnable beforeImport;

    @GuardedBy("this")
    private boolean closed;

    private static final class Mapping {
        private final HostRegion region;
        private volatile long usedNanos = System.nanoTime();

        Mapping(HostRegion region) {
            this.region = region;
        }
    }

    /** Creates an empty cache that tells when it is about to map a region. */
    ImportedRegions(Runnable beforeImport) {
        this.beforeImport = beforeImport;
    }

    /**
     * Returns the mapping, counted once for the caller.
     *
     * @throws IOException when the file is not there, is not this region, or its owner unregistered it
     */
    HostRegion acquire(RegionDescriptor descriptor) throws IOException {
        Mapping known = mappings.get(descriptor);
        if (known != null && known.region.tryRetain()) {
            known.usedNanos = System.nanoTime();
            return known.region;
        }
        beforeImport.run();
        return importOnce(descriptor);
    }

    private synchronized HostRegion importOnce(RegionDescriptor descriptor) throws IOException {
        if (closed) {
            throw new IOException("the link is closed");
        }
        Mapping known = mappings.get(descriptor);
        if (known == null || !known.region.tryRetain()) {
            known = new Mapping(Regions.importFrom(descriptor));
            known.region.retain();
            mappings.put(descriptor, known);
        }
        return known.region;
    }

    /** Drops what its owner unregistered, and what nobody asked for since {@code idleNanos}. */
    synchronized void trim(long nowNanos, long idleNanos) {
        for (Iterator<Mapping> each = mappings.values().iterator(); each.hasNext(); ) {
            Mapping mapping = each.next();
            if (nowNanos - mapping.usedNanos >= idleNanos || Regions.isRevoked(mapping.region)) {
                each.remove();
                mapping.region.release();
            }
        }
    }

    int size() {
        return mappings.size();
    }

    synchronized void close() {
        closed = true;
        for (Iterator<Mapping> each = mappings.values().iterator(); each.hasNext(); ) {
            Mapping mapping = each.next();
            each.remove();
            mapping.region.release();
        }
    }
}
