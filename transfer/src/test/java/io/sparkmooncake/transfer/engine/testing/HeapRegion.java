// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine.testing;

import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicInteger;

/** Host memory that only this JVM reaches. */
public final class HeapRegion implements HostRegion {
    private final RegionDescriptor descriptor;
    private final ByteBuffer memory;
    private final AtomicInteger counts = new AtomicInteger(1);

    public HeapRegion(long id, long sizeBytes, Location location) {
        this.descriptor = new RegionDescriptor(id, id * 31 + 7, sizeBytes, location, "");
        this.memory = ByteBuffer.allocateDirect(Math.toIntExact(sizeBytes));
    }

    @Override
    public ByteBuffer slice(long offset, int length) {
        return memory.slice(Math.toIntExact(offset), length).order(ByteOrder.nativeOrder());
    }

    @Override
    public long address(long offset) {
        throw new UnsupportedOperationException("reached by slices only");
    }

    @Override
    public long id() {
        return descriptor.id();
    }

    @Override
    public RegionDescriptor descriptor() {
        return descriptor;
    }

    @Override
    public long sizeBytes() {
        return descriptor.sizeBytes();
    }

    @Override
    public Location location() {
        return descriptor.location();
    }

    /** Returns the number of owners. */
    public int counts() {
        return counts.get();
    }

    @Override
    public void retain() {
        if (!tryRetain()) {
            throw new IllegalStateException("freed");
        }
    }

    @Override
    public boolean tryRetain() {
        return counts.getAndUpdate(count -> count == 0 ? 0 : count + 1) > 0;
    }

    @Override
    public void release() {
        if (counts.getAndUpdate(count -> Math.max(0, count - 1)) == 0) {
            throw new IllegalStateException("freed");
        }
    }
}
