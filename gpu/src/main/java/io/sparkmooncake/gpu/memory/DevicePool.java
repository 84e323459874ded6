// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.memory;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.GpuException.Code;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Hands out parts of regions of one device. Regions stay until the pool is closed, so that peers map them once.
 *
 * <p>Threading: safe from any thread.
 */
public final class DevicePool implements AutoCloseable {
    /** What every extent begins at a multiple of. */
    public static final long ALIGNMENT_BYTES = 256;

    /** What long extents begin at a multiple of: from and to elsewhere copy engines are a quarter slower. */
    public static final long LONG_ALIGNMENT_BYTES = 64 << 10;

    /** Extents that count as long. */
    private static final long LONG_BYTES = 1 << 20;

    private final Device device;
    private final Limits limits;

    @GuardedBy("this")
    private final Map<DeviceRegion, FreeStretches> regions = new LinkedHashMap<>();

    @GuardedBy("this")
    private int extents;

    @GuardedBy("this")
    private boolean closed;

    /**
     * How a pool grows.
     *
     * @param kind of its regions
     * @param regionBytes of each region; longer extents get one of their own
     * @param limitBytes of all regions together
     */
    public record Limits(DeviceRegion.Kind kind, long regionBytes, long limitBytes) {
        /** Checks that one region fits. */
        public Limits {
            if (kind == DeviceRegion.Kind.EXTERNAL
                    || kind == DeviceRegion.Kind.FABRIC
                    || regionBytes <= 0
                    || limitBytes < regionBytes) {
                throw new IllegalArgumentException("kind=" + kind + " regionBytes=" + regionBytes + " limitBytes="
                        + limitBytes + ": a pool has PLAIN or VIRTUAL regions, at least one of them");
            }
        }
    }

    /**
     * What a pool holds.
     *
     * @param regions number of them
     * @param extents number of those in use
     * @param heldBytes of all regions
     * @param usedBytes of all extents, with what their alignment takes
     * @param longestBytes of what is free in one piece
     */
    public record Figures(int regions, int extents, long heldBytes, long usedBytes, long longestBytes) {}

    /** Creates a pool without regions. */
    public DevicePool(Device device, Limits limits) {
        this.device = device;
        this.limits = limits;
    }

    /** Returns the device. */
    public Device device() {
        return device;
    }

    /**
     * Takes memory, whose content is undefined.
     *
     * @return the caller's, who closes it
     * @throws GpuException OUT_OF_MEMORY with the figures of the pool, and of the device where that is full
     */
    public synchronized DeviceExtent allocate(long bytes) {
        if (closed) {
            throw new GpuException(Code.REFUSED, "the pool of " + device + " is closed");
        }
        long rounded = rounded(bytes);
        for (Map.Entry<DeviceRegion, FreeStretches> each : regions.entrySet()) {
            long offset = each.getValue().take(rounded, alignment(bytes));
            if (offset >= 0) {
                return extent(each.getKey(), offset, bytes);
            }
        }
        long wanted = Math.max(rounded, limits.regionBytes());
        Figures figures = figures();
        if (figures.heldBytes() + wanted > limits.limitBytes()) {
            throw new GpuException(
                    Code.OUT_OF_MEMORY,
                    "the pool of " + device + " has no bytes=" + bytes + " in one piece: held=" + figures.heldBytes()
                            + " used=" + figures.usedBytes() + " longest=" + figures.longestBytes() + " limit="
                            + limits.limitBytes() + "; close extents, or raise the limit");
        }
        DeviceRegion region = DeviceRegion.allocate(device, limits.kind(), wanted);
        FreeStretches free = new FreeStretches(region.sizeBytes());
        regions.put(region, free);
        return extent(region, free.take(rounded, alignment(bytes)), bytes);
    }

    private static long rounded(long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("bytes=" + bytes + " of an extent, least is 1");
        }
        long alignment = alignment(bytes);
        return (bytes + alignment - 1) / alignment * alignment;
    }

    private static long alignment(long bytes) {
        return bytes < LONG_BYTES ? ALIGNMENT_BYTES : LONG_ALIGNMENT_BYTES;
    }

    @GuardedBy("this")
    private DeviceExtent extent(DeviceRegion region, long offset, long bytes) {
        extents++;
        return new DeviceExtent(this, region, region.address() + offset, bytes);
    }

    synchronized void give(DeviceRegion region, long address, long bytes) {
        FreeStretches free = regions.get(region);
        if (free != null) {
            free.give(address - region.address(), rounded(bytes));
            extents--;
        }
    }

    /** Returns the regions that there are by now, in the order in which they came. */
    public synchronized List<DeviceRegion> regions() {
        return new ArrayList<>(regions.keySet());
    }

    /** Returns what it holds. */
    public synchronized Figures figures() {
        long held = 0;
        long free = 0;
        long longest = 0;
        for (Map.Entry<DeviceRegion, FreeStretches> each : regions.entrySet()) {
            held += each.getKey().sizeBytes();
            free += each.getValue().freeBytes();
            longest = Math.max(longest, each.getValue().longest());
        }
        return new Figures(regions.size(), extents, held, held - free, longest);
    }

    /** Frees all regions; nothing on a device may use them any more. */
    @Override
    public synchronized void close() {
        closed = true;
        regions.keySet().forEach(DeviceRegion::close);
        regions.clear();
        extents = 0;
    }
}
