// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.transfer.memory.PooledRegion.Gap;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The regions of a pool, and the account of what is handed out, taken of the system and waited for.
 *
 * <p>Threading: safe from any thread. Its one lock is never held while memory is zeroed, a file is created or a listener runs: the
 * thread that asked does that for the bytes that it was given, which no other thread touches.
 */
final class RegionSet {
    private static final long STEP_BYTES = 4L << 20;
    private static final Duration LONGEST_GROWTH = Duration.ofMinutes(1);

    /** Memory of the JVM that is not of this pool may become free without a sign. */
    private static final long LONGEST_WAIT_NANOS = 100_000_000;

    private final Kind kind;
    private final long limitBytes;
    private final long usualRegionBytes;
    private final RegionMaker maker;

    /** Small ones first, so that small extents do not keep large regions from being freed. */
    @GuardedBy("this")
    private final List<PooledRegion> regions = new ArrayList<>();

    /** Directories in which a thread makes a region now; others wait for it instead of making one more. */
    @GuardedBy("this")
    private final Set<RegionDirectory> growing = new HashSet<>();

    @GuardedBy("this")
    private long usedBytes;

    /** Blocks of files, or private regions, whether they exist or are being made. */
    @GuardedBy("this")
    private long committedBytes;

    @GuardedBy("this")
    private int extents;

    /** Counts what may let a waiting thread go on. */
    @GuardedBy("this")
    private long changes;

    @GuardedBy("this")
    private boolean closed;

    /** What regions are made of. */
    enum Kind {
        SHARED_MEMORY,
        FILES,
        PRIVATE_MEMORY
    }

    /** A stretch that was taken and the pages of it that need blocks. */
    private record Claim(PooledRegion home, long offset, long size, List<Gap> gaps) {}

    RegionSet(Kind kind, RegionPool.Limits limits, RegionListener listener) {
        this.kind = kind;
        this.maker = new RegionMaker(kind, listener);
        this.limitBytes = kind == Kind.SHARED_MEMORY
                ? align(Math.min(limits.limitBytes(), Long.MAX_VALUE / 2))
                : limits.limitBytes();
        this.usualRegionBytes = Math.min(limits.regionBytes(), limitBytes);
    }

    /** Looks in the regions of a directory, then in a new one if there is room for it. */
    Optional<Extent> tryIn(@Nullable RegionDirectory directory, long room, long size) throws IOException {
        Claim claim;
        long regionBytes;
        synchronized (this) {
            long deadline = System.nanoTime() + LONGEST_GROWTH.toNanos();
            while (true) {
                checkOpen();
                claim = claim(directory, room, size);
                if (claim != null || directory == null || !growing.contains(directory)) {
                    break;
                }
                awaitUntil(deadline, "a file that another thread creates is not there: " + directory.path());
            }
            regionBytes = regionBytesFor(size);
            if (claim == null && !mayGrow(room, size, regionBytes)) {
                return Optional.empty();
            }
            if (claim == null) {
                begin(directory, regionBytes);
            }
        }
        if (claim == null) {
            claim = grow(directory, size, regionBytes);
        }
        return claim == null ? Optional.empty() : handOut(claim);
    }

    @GuardedBy("this")
    private void checkOpen() throws IOException {
        if (closed) {
            throw new IOException("the region pool is closed: the executor is stopping");
        }
    }

    @GuardedBy("this")
    private void awaitUntil(long deadlineNanos, String what) throws IOException {
        long left = Math.min(deadlineNanos - System.nanoTime(), LONGEST_WAIT_NANOS);
        if (left <= 0) {
            throw new IOException(what);
        }
        long seen = changes;
        long end = System.nanoTime() + left;
        try {
            for (; changes == seen && left > 0; left = end - System.nanoTime()) {
                wait(Math.max(1, left / 1_000_000));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted: " + what);
        }
    }

    /** Private memory beyond the limit is handed out if nothing else is, so that no request waits for ever. */
    synchronized boolean fits(long size) {
        return size <= limitBytes - usedBytes || (kind == Kind.PRIVATE_MEMORY && usedBytes == 0);
    }

    long align(long bytes) {
        long alignment = kind == Kind.SHARED_MEMORY ? PooledRegion.PAGE_BYTES : FreeSpace.ALIGNMENT_BYTES;
        return (bytes + alignment - 1) & -alignment;
    }

    /** Takes a stretch of a region that exists; null if none has it. */
    @GuardedBy("this")
    private @Nullable Claim claim(@Nullable RegionDirectory directory, long room, long size) {
        for (PooledRegion home : regions) {
            if (home.directory() == directory) {
                long offset = home.free().take(size);
                if (offset >= 0) {
                    List<Gap> gaps = kind == Kind.PRIVATE_MEMORY ? List.of() : home.gaps(offset, size);
                    long missing = lengthOf(gaps);
                    if (missing <= room && (kind != Kind.SHARED_MEMORY || missing <= limitBytes - committedBytes)) {
                        return account(new Claim(home, offset, size, gaps));
                    }
                    home.free().giveBack(offset, size);
                }
            }
        }
        return null;
    }

    private static long lengthOf(List<Gap> gaps) {
        return gaps.stream().mapToLong(Gap::length).sum();
    }

    @GuardedBy("this")
    private Claim account(Claim claim) {
        usedBytes += claim.size;
        extents++;
        if (kind == Kind.SHARED_MEMORY) {
            committedBytes += lengthOf(claim.gaps);
        }
        return claim;
    }

    @GuardedBy("this")
    private boolean mayGrow(long room, long size, long regionBytes) {
        return switch (kind) {
            case FILES -> size <= room;
            case SHARED_MEMORY -> size <= room && size <= limitBytes - committedBytes;
            case PRIVATE_MEMORY -> committedBytes == 0 || regionBytes <= room - committedBytes;
        };
    }

    @GuardedBy("this")
    private long regionBytesFor(long size) {
        long usual = kind == Kind.PRIVATE_MEMORY
                ? Math.min(usualRegionBytes, limitBytes - committedBytes) & -FreeSpace.ALIGNMENT_BYTES
                : align(usualRegionBytes);
        return Math.max(size, usual);
    }

    @GuardedBy("this")
    private void begin(@Nullable RegionDirectory directory, long regionBytes) {
        if (directory != null) {
            growing.add(directory);
        } else {
            committedBytes += regionBytes;
        }
    }

    /** Makes a region and takes its first stretch; null if the system refuses it. */
    private @Nullable Claim grow(@Nullable RegionDirectory directory, long size, long regionBytes) throws IOException {
        @Nullable PooledRegion made = null;
        try {
            made = maker.create(directory, regionBytes);
        } finally {
            if (made == null) {
                abandon(directory, regionBytes);
            }
        }
        return made == null ? null : adopt(made, size);
    }

    private synchronized void abandon(@Nullable RegionDirectory directory, long regionBytes) {
        if (directory == null) {
            committedBytes -= regionBytes; // nothing was given back: those that wait look again after a short while
        } else {
            growing.remove(directory);
            changed();
        }
    }

    private synchronized @Nullable Claim adopt(PooledRegion made, long size) {
        int larger = 0;
        while (larger < regions.size()
                && regions.get(larger).region().sizeBytes() <= made.region().sizeBytes()) {
            larger++;
        }
        regions.add(larger, made);
        if (made.directory() != null) {
            growing.remove(made.directory());
        }
        changed();
        return claim(made.directory(), Long.MAX_VALUE, size);
    }

    /** Takes the blocks that a claim still needs, under no lock; empty if the file system became full meanwhile. */
    private Optional<Extent> handOut(Claim claim) throws IOException {
        PooledRegion home = claim.home;
        RegionDirectory directory = home.directory();
        if (kind == Kind.FILES && directory != null) {
            long promised = lengthOf(claim.gaps);
            directory.promise(promised);
            return Optional.of(new Extent(this, home, claim.offset, claim.size, promised));
        }
        boolean taken = false;
        try {
            taken = directory == null || takeBlocks(claim, directory);
        } finally {
            if (!taken) {
                giveBack(home, claim.offset, claim.size);
                retireWhere(each -> each == home);
                if (directory != null) {
                    directory.filled();
                }
            }
        }
        return taken ? Optional.of(new Extent(this, home, claim.offset, claim.size, 0)) : Optional.empty();
    }

    private boolean takeBlocks(Claim claim, RegionDirectory directory) throws IOException {
        long untaken = lengthOf(claim.gaps);
        try {
            for (Gap gap : claim.gaps) {
                long end = Math.min(
                        gap.offset() + gap.length(), claim.home.region().sizeBytes());
                for (long at = gap.offset(); at < end; ) {
                    if (directory.roomInMemory() < Math.min(end - at, STEP_BYTES)) {
                        return false;
                    }
                    long stepEnd = Math.min(end, at + STEP_BYTES);
                    while (at < stepEnd) {
                        long step = claim.home.takeBlocks(at, stepEnd - at);
                        untaken -= backed(claim.home, at, step);
                        at += step;
                    }
                }
            }
            return true;
        } catch (ClosedChannelException interrupted) {
            throw interrupted;
        } catch (IOException full) {
            return false;
        } finally {
            uncommit(untaken);
        }
    }

    private synchronized long backed(PooledRegion home, long offset, long length) {
        return home.markBacked(offset, length);
    }

    private synchronized void uncommit(long bytes) {
        committedBytes -= bytes;
        changed();
    }

    synchronized long shrink(PooledRegion home, long offset, long oldSize, long newSize) {
        long kept = align(Math.max(1, newSize));
        if (kept < oldSize) {
            home.free().giveBack(offset + kept, oldSize - kept);
            usedBytes -= oldSize - kept;
            changed();
        }
        return Math.min(kept, oldSize);
    }

    void giveBack(PooledRegion home, long offset, long size) {
        boolean excess;
        synchronized (this) {
            home.free().giveBack(offset, size);
            home.usedUntil(System.nanoTime());
            usedBytes -= size;
            extents--;
            excess = closed || committedBytes > limitBytes;
            changed();
        }
        if (home.directory() != null) {
            home.directory().freed();
        }
        if (excess) {
            retireWhere(each -> true);
        }
    }

    /** Notes that bytes of a file were written, which need no more room, and returns how many bytes had no blocks before. */
    synchronized long wrote(PooledRegion home, long offset, long length) {
        long taken = home.markBacked(offset, length);
        committedBytes += taken;
        return taken;
    }

    /** Retires regions without extents, every one of them also if one fails; returns whether there were any. */
    boolean retireWhere(Predicate<PooledRegion> wanted) {
        List<PooledRegion> unused = new ArrayList<>();
        synchronized (this) {
            for (Iterator<PooledRegion> each = regions.iterator(); each.hasNext(); ) {
                PooledRegion home = each.next();
                if (home.free().isAllFree() && wanted.test(home)) {
                    each.remove();
                    unused.add(home);
                }
            }
        }
        try {
            maker.retire(unused);
        } finally {
            unused.forEach(home -> uncommit(home.committedBytes()));
        }
        return !unused.isEmpty();
    }

    /** Returns the bytes of all extents. */
    synchronized long usedBytes() {
        return usedBytes;
    }

    /** Returns the bytes that regions hold of the system, used or not. */
    synchronized long committedBytes() {
        return committedBytes;
    }

    /** Returns the number of live extents. */
    synchronized int extents() {
        return extents;
    }

    /** Returns a number that grows whenever threads that wait may go on. */
    synchronized long changes() {
        return changes;
    }

    /**
     * Waits until {@link #changes} exceeds {@code seen}, or for a short while.
     *
     * @throws IOException once the deadline has passed, whatever has changed; if the thread was interrupted
     */
    synchronized void awaitChange(long seen, long deadlineNanos, String what) throws IOException {
        if (changes == seen || System.nanoTime() - deadlineNanos >= 0) {
            awaitUntil(deadlineNanos, what + ": limit=" + limitBytes + " used=" + usedBytes + " extents=" + extents);
        }
    }

    /** Wakes the threads that wait. */
    synchronized void changed() {
        changes++;
        notifyAll();
    }

    /** Hands out nothing more; regions go back now, or with their last extent. */
    void close() {
        synchronized (this) {
            closed = true;
            changed();
        }
        retireWhere(home -> true);
    }
}
