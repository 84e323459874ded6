// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;

/** A region over one direct buffer. */
final class TestRegion implements HostRegion {
    private final ByteBuffer memory;
    private final RegionDescriptor descriptor;
    private final AtomicInteger counts = new AtomicInteger(1);
    private final AtomicInteger mostCounts = new AtomicInteger(1);

    TestRegion(long id, int sizeBytes) {
        memory = ByteBuffer.allocateDirect(sizeBytes);
        descriptor = new RegionDescriptor(id, 0x5EED_0000L + id, sizeBytes, Location.ANY, "");
    }

    static TestRegion filled(long id, int sizeBytes) {
        TestRegion region = new TestRegion(id, sizeBytes);
        SplittableRandom random = new SplittableRandom(id);
        while (region.memory.remaining() >= 8) {
            region.memory.putLong(random.nextLong());
        }
        region.memory.clear();
        return region;
    }

    void fill(byte value) {
        for (int i = 0; i < memory.capacity(); i++) {
            memory.put(i, value);
        }
    }

    ByteBuffer memory() {
        return memory.duplicate();
    }

    int counts() {
        return counts.get();
    }

    /** Returns the most counts that there ever were at once. */
    int mostCounts() {
        return mostCounts.get();
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
        return memory.capacity();
    }

    @Override
    public Location location() {
        return Location.ANY;
    }

    @Override
    public void retain() {
        if (!tryRetain()) {
            throw new IllegalStateException("freed");
        }
    }

    @Override
    public boolean tryRetain() {
        int now = counts.updateAndGet(count -> count == 0 ? 0 : count + 1);
        mostCounts.accumulateAndGet(now, Math::max);
        return now > 0;
    }

    @Override
    public void release() {
        if (counts.decrementAndGet() < 0) {
            throw new IllegalStateException("released too often");
        }
    }

    @Override
    public ByteBuffer slice(long offset, int length) {
        return memory.slice((int) offset, length).order(ByteOrder.nativeOrder());
    }

    @Override
    public long address(long offset) {
        throw new UnsupportedOperationException("no address");
    }
}
