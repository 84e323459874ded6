// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.util.concurrent.atomic.AtomicInteger;

/** Local memory of a batch that is never touched, and that counts its owners. */
public final class CountedLocal implements MemoryRegion {
    /** Describes memory of a peer that does not exist. */
    public static final RegionDescriptor REMOTE = new RegionDescriptor(1, 2, 1 << 20, Location.ANY, "");

    private final AtomicInteger owners = new AtomicInteger();

    /** Returns counts taken less counts released. */
    public int owners() {
        return owners.get();
    }

    @Override
    public long id() {
        return REMOTE.id();
    }

    @Override
    public RegionDescriptor descriptor() {
        return REMOTE;
    }

    @Override
    public long sizeBytes() {
        return REMOTE.sizeBytes();
    }

    @Override
    public Location location() {
        return REMOTE.location();
    }

    @Override
    public void retain() {
        owners.incrementAndGet();
    }

    @Override
    public boolean tryRetain() {
        owners.incrementAndGet();
        return true;
    }

    @Override
    public void release() {
        owners.decrementAndGet();
    }
}
