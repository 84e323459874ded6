// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Hands out extents of regions that it makes when they are needed. Regions that were idle for a while go back to the system
 * when {@link #trim} is called.
 *
 * <p>Threading: safe from any thread; one lock, never held while an extent is filled.
 */
public final class RegionPool implements AutoCloseable {
    private static final long ALIGNMENT_BYTES = 64;
    private static final long RESERVE_STEP_BYTES = 4L << 20;

    private final Kind kind;
    private final List<Path> directories;
    private final Limits limits;
    private final RegionListener listener;

    @GuardedBy("this")
    private final List<PooledRegion> regions = new ArrayList<>();

    @GuardedBy("this")
    private long usedBytes;

    @GuardedBy("this")
    private int extents;

    @GuardedBy("this")
    private boolean closed;

    private enum Kind {
        SHARED_MEMORY,
        FILES,
        PRIVATE_MEMORY
    }

    /**
     * Bounds of a pool.
     *
     * @param limitBytes what all extents together may take
     * @param regionBytes size of one region; a larger extent gets a region of its own
     * @param idle how long a region without extents is kept
     */
    public record Limits(long limitBytes, long regionBytes, Duration idle) {}

    private RegionPool(Kind kind, List<Path> directories, Limits limits, RegionListener listener) {
        this.kind = kind;
        this.directories = List.copyOf(directories);
        this.limits = limits;
        this.listener = listener;
        directories.forEach(SharedFile::sweep);
    }

    /** Creates a pool of regions in a memory file system, which take their blocks before they are handed out. */
    public static RegionPool sharedMemory(Path directory, Limits limits, RegionListener listener) {
        return new RegionPool(Kind.SHARED_MEMORY, List.of(directory), limits, listener);
    }

    /** Creates a pool of regions in files, filled through {@link Extent#write} only; the emptiest directory comes first. */
    public static RegionPool files(List<Path> directories, Limits limits, RegionListener listener) {
        return new RegionPool(Kind.FILES, directories, limits, listener);
    }

    /** Creates a pool of regions that only transfers and this process reach; an extent has at most 2 GiB − 1. */
    public static RegionPool privateMemory(Limits limits) {
        return new RegionPool(Kind.PRIVATE_MEMORY, List.of(), limits, RegionListener.NONE);
    }

    /**
     * Hands out an extent, counted once for the caller; empty where the limit is reached or the file system is full.
     *
     * @throws IOException when the system refuses a region for another reason
     */
    public Optional<Extent> tryAllocate(long bytes) throws IOException {
        if (bytes <= 0) {
            throw new IllegalArgumentException("extent size=" + bytes + " must be positive");
        }
        if (bytes > limits.limitBytes()) {
            return Optional.empty();
        }
        long size = align(bytes);
        Optional<Extent> extent = tryOnce(size);
        if (extent.isEmpty() && fits(size) && retireWhereIdle(System.nanoTime(), Long.MIN_VALUE)) {
            extent = tryOnce(size);
        }
        return extent;
    }

    /** Looks in the regions that exist, then in a new one where there is room for it. */
    private synchronized Optional<Extent> tryOnce(long size) throws IOException {
        if (closed) {
            throw new IOException("the region pool is closed: the executor is stopping");
        }
        if (!fits(size)) {
            return Optional.empty();
        }
        for (PooledRegion home : regions) {
            Optional<Extent> extent = take(home, size);
            if (extent.isPresent()) {
                return extent;
            }
        }
        if (kind == Kind.SHARED_MEMORY && size > limits.limitBytes() - reservedBytes()) {
            return Optional.empty();
        }
        Optional<PooledRegion> grown = grow(size);
        return grown.isPresent() ? take(grown.get(), size) : Optional.empty();
    }

    private synchronized boolean fits(long size) {
        return size <= limits.limitBytes() - usedBytes;
    }

    @GuardedBy("this")
    private long reservedBytes() {
        return regions.stream().mapToLong(PooledRegion::reservedBytes).sum();
    }

    private static long align(long bytes) {
        return (bytes + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
    }

    @GuardedBy("this")
    private Optional<Extent> take(PooledRegion home, long size) {
        long offset = home.free().take(size);
        if (offset < 0) {
            return Optional.empty();
        }
        if (kind == Kind.SHARED_MEMORY && !reserve(home, offset + size)) {
            home.free().giveBack(offset, size);
            return Optional.empty();
        }
        usedBytes += size;
        extents++;
        return Optional.of(new Extent(this, home, offset, size));
    }

    /** Takes blocks up to {@code end}; false where the limit or the file system does not allow it. */
    @GuardedBy("this")
    private boolean reserve(PooledRegion home, long end) {
        if (end <= home.reservedBytes()) {
            return true;
        }
        long allowed = limits.limitBytes() - (reservedBytes() - home.reservedBytes());
        if (end > allowed) {
            return false;
        }
        long step = (end + RESERVE_STEP_BYTES - 1) / RESERVE_STEP_BYTES * RESERVE_STEP_BYTES;
        try {
            home.reserve(Math.min(step, Math.min(allowed, home.region().sizeBytes())));
            return true;
        } catch (IOException full) {
            return false;
        }
    }

    @GuardedBy("this")
    private Optional<PooledRegion> grow(long size) throws IOException {
        Optional<HostRegion> region = create(regionBytesFor(size), size);
        if (region.isEmpty()) {
            return Optional.empty();
        }
        PooledRegion home = new PooledRegion(region.get());
        regions.add(home);
        listener.created(home.region());
        return Optional.of(home);
    }

    private long regionBytesFor(long size) {
        return Math.max(size, align(Math.min(limits.regionBytes(), limits.limitBytes())));
    }

    private Optional<HostRegion> create(long size, long neededBytes) throws IOException {
        return switch (kind) {
            case PRIVATE_MEMORY -> allocate(size);
            case SHARED_MEMORY ->
                usable(directories.get(0)) < RESERVE_STEP_BYTES
                        ? Optional.empty()
                        : Optional.of(Regions.create(directories.get(0), size, Location.ANY));
            case FILES -> {
                Path emptiest = directories.stream()
                        .max(Comparator.comparingLong(RegionPool::usable))
                        .orElseThrow();
                yield usable(emptiest) < neededBytes
                        ? Optional.empty()
                        : Optional.of(Regions.create(emptiest, size, Location.ANY));
            }
        };
    }

    /** The JVM's own limit of direct memory is a full pool, not the end of the executor. */
    private static Optional<HostRegion> allocate(long size) {
        try {
            return size > Integer.MAX_VALUE ? Optional.empty() : Optional.of(Regions.allocate(size));
        } catch (OutOfMemoryError directMemoryIsFull) {
            return Optional.empty();
        }
    }

    private static long usable(Path directory) {
        return directory.toFile().getUsableSpace();
    }

    synchronized long shrink(PooledRegion home, long offset, long oldSize, long newSize) {
        long kept = align(Math.max(1, newSize));
        if (kept < oldSize) {
            home.free().giveBack(offset + kept, oldSize - kept);
            usedBytes -= oldSize - kept;
        }
        return Math.min(kept, oldSize);
    }

    void giveBack(PooledRegion home, long offset, long size) {
        boolean retire;
        synchronized (this) {
            home.free().giveBack(offset, size);
            home.usedUntil(System.nanoTime());
            usedBytes -= size;
            extents--;
            retire = closed && home.free().isAllFree() && regions.remove(home);
        }
        if (retire) {
            retire(home);
        }
    }

    /** Gives regions without extents back to the system once they have been idle for long enough. */
    public void trim(long nowNanos) {
        retireWhereIdle(nowNanos, limits.idle().toNanos());
    }

    private boolean retireWhereIdle(long nowNanos, long idleNanos) {
        List<PooledRegion> idle = new ArrayList<>();
        synchronized (this) {
            for (Iterator<PooledRegion> each = regions.iterator(); each.hasNext(); ) {
                PooledRegion home = each.next();
                if (home.free().isAllFree() && nowNanos - home.idleSinceNanos() >= idleNanos) {
                    each.remove();
                    idle.add(home);
                }
            }
        }
        idle.forEach(this::retire);
        return !idle.isEmpty();
    }

    private void retire(PooledRegion home) {
        listener.retiring(home.region());
        home.region().release();
    }

    /** Returns the bytes of all extents. */
    public synchronized long usedBytes() {
        return usedBytes;
    }

    /** Returns the bytes that regions hold of the system, used or not. */
    public synchronized long committedBytes() {
        return regions.stream()
                .mapToLong(home -> kind == Kind.SHARED_MEMORY
                        ? home.reservedBytes()
                        : home.region().sizeBytes())
                .sum();
    }

    /** Returns what all extents together may take. */
    public long limitBytes() {
        return limits.limitBytes();
    }

    /** Says for an error what each directory has left. */
    public String describeRoom() {
        return directories.stream()
                .map(directory -> directory + ": " + usable(directory) + " bytes usable")
                .collect(Collectors.joining(", "));
    }

    /** Returns the number of live extents. */
    public synchronized int extents() {
        return extents;
    }

    /** Hands out nothing more; regions go back now, or with their last extent. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        retireWhereIdle(System.nanoTime(), Long.MIN_VALUE);
    }
}
