// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.transfer.memory.RegionSet.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Hands out extents of regions that it makes when they are needed. Regions that were idle for a while go back to the system
 * when {@link #trim} is called. Of several directories the one with the most room comes first; one that failed comes last.
 *
 * <p>Threading: safe from any thread. No lock is held while memory is zeroed or a file is created.
 */
public final class RegionPool implements AutoCloseable {
    /** What {@link #allocateLeast} grants beyond the limit: 1 MiB. */
    public static final long LEAST_BYTES = 1L << 20;

    private final Kind kind;
    private final List<RegionDirectory> directories;
    private final RegionSet set;
    private final Limits limits;

    private final Overdraft overdraft = new Overdraft();

    /** A directory as it was found when an extent was asked for. */
    private record Candidate(RegionDirectory directory, long room, int setAside) {}

    /**
     * Bounds of a pool.
     *
     * @param limitBytes what all extents together may take
     * @param regionBytes size of one region; a larger extent gets a region of its own
     * @param idle how long a region without extents is kept
     */
    public record Limits(long limitBytes, long regionBytes, Duration idle) {}

    /** Fills an extent that was just handed out. */
    @FunctionalInterface
    public interface Filler {
        /** Fills the extent; called again with another extent if the directory of the first one failed. */
        void fill(Extent extent) throws IOException;
    }

    private RegionPool(Kind kind, List<Path> directories, Limits limits, RegionListener listener) {
        this.kind = kind;
        this.directories = directories.stream().map(RegionDirectory::new).toList();
        this.limits = limits;
        this.set = new RegionSet(kind, limits, listener);
        directories.forEach(SharedFile::sweep);
    }

    /**
     * Creates a pool of regions in a memory file system, which take their blocks before they are handed out. A sixteenth of the
     * file system and at least 4 MiB of it are left to others; extents are whole pages.
     */
    public static RegionPool sharedMemory(Path directory, Limits limits, RegionListener listener) {
        return new RegionPool(Kind.SHARED_MEMORY, List.of(directory), limits, listener);
    }

    /** Creates a pool of regions in files, filled through {@link Extent#write} only, see {@link #tryStore}. */
    public static RegionPool files(List<Path> directories, Limits limits, RegionListener listener) {
        return new RegionPool(Kind.FILES, directories, limits, listener);
    }

    /** Creates a pool of regions that only transfers and this process reach; an extent has at most 2 GiB − 1. */
    public static RegionPool privateMemory(Limits limits) {
        return new RegionPool(Kind.PRIVATE_MEMORY, List.of(), limits, RegionListener.NONE);
    }

    /** Returns what a pool alone in an empty memory file system could take of it; 0 if the directory is missing. */
    public static long capacityBytes(Path directory) {
        return Math.max(0, RegionDirectory.capacity(directory));
    }

    /**
     * Hands out an extent, counted once for the caller; empty if the limit is reached, or no directory can hold it, whatever the
     * reason: {@link #describeRoom} has it, and it was logged once.
     *
     * @throws IOException if the pool is closed or the thread was interrupted
     */
    public Optional<Extent> tryAllocate(long bytes) throws IOException {
        return tryAllocate(bytes, Set.of());
    }

    /**
     * Hands out at most {@link #LEAST_BYTES} of private memory, beyond the limit if it is reached, so that a task that has only this
     * can go on. Waits only while the JVM has no more direct memory.
     *
     * @throws IOException if there was none within {@code patience}, naming the limit and what is used; if the pool is closed or the
     *     thread was interrupted
     */
    public Extent allocateLeast(long bytes, Duration patience) throws IOException {
        requirePrivateMemory();
        if (bytes > LEAST_BYTES) {
            throw new IllegalArgumentException("extent size=" + bytes + " exceeds limit=" + LEAST_BYTES);
        }
        long deadline = System.nanoTime() + patience.toNanos();
        while (true) {
            long seen = set.changes();
            Optional<Extent> extent = tryNeeded(bytes);
            if (extent.isPresent()) {
                return extent.get();
            }
            set.awaitChange(seen, deadline, noneFor(bytes, patience));
        }
    }

    private static String noneFor(long bytes, Duration patience) {
        return bytes + " bytes of direct memory were not free within " + patience.toSeconds()
                + " s: raise -XX:MaxDirectMemorySize, lower " + Settings.SCRATCH_MEMORY.key()
                + " or spark.executor.cores";
    }

    private void requirePrivateMemory() {
        if (kind != Kind.PRIVATE_MEMORY) {
            throw new IllegalStateException("only private memory is granted beyond the limit");
        }
    }

    /**
     * Hands out private memory without which the calling thread cannot go on, and never waits. At most {@link #LEAST_BYTES} are
     * granted beyond the limit, and so is more to one thread at a time, until it has given all of that back. So that thread
     * can go on, whatever it and others hold.
     *
     * @return empty if another thread has more beyond the limit, or the JVM has no more direct memory; try again later
     * @throws IOException if the pool is closed
     */
    public Optional<Extent> tryNeeded(long bytes) throws IOException {
        requirePrivateMemory();
        Optional<Extent> extent = tryAllocate(bytes);
        if (extent.isPresent()) {
            return extent;
        }
        if (bytes <= LEAST_BYTES) {
            return beyondLimit(bytes);
        }
        if (!overdraft.tryTake()) {
            return Optional.empty();
        }
        try {
            extent = beyondLimit(bytes);
        } finally {
            extent.ifPresentOrElse(taken -> taken.whenGivenBack(overdraft::giveBack), overdraft::giveBack);
        }
        return extent;
    }

    private Optional<Extent> beyondLimit(long bytes) throws IOException {
        return set.tryIn(null, Long.MAX_VALUE / 2, set.align(bytes));
    }

    /**
     * Hands out an extent and fills it. If the directory that it is in fails meanwhile, another directory is taken, until none is
     * left.
     *
     * @return the filled extent, counted once for the caller; empty if there is none to fill
     * @throws IOException what the filler threw last
     */
    public Optional<Extent> tryStore(long bytes, Filler filler) throws IOException {
        Set<RegionDirectory> failed = new HashSet<>();
        @Nullable IOException cause = null;
        while (true) {
            Optional<Extent> extent = tryAllocate(bytes, failed);
            if (extent.isEmpty()) {
                if (cause != null) {
                    throw cause;
                }
                return extent;
            }
            boolean filled = false;
            try {
                filler.fill(extent.get());
                filled = true;
                return extent;
            } catch (IOException e) {
                RegionDirectory directory = extent.get().directory();
                if (directory == null || !extent.get().hasWriteFailed() || !failed.add(directory)) {
                    throw e;
                }
                if (cause != null) {
                    e.addSuppressed(cause);
                }
                cause = e;
            } finally {
                if (!filled) {
                    extent.get().release();
                }
            }
        }
    }

    private Optional<Extent> tryAllocate(long bytes, Set<RegionDirectory> excluded) throws IOException {
        if (bytes <= 0) {
            throw new IllegalArgumentException("extent size=" + bytes + " must be positive");
        }
        if (bytes > Long.MAX_VALUE / 2) {
            return Optional.empty();
        }
        long size = set.align(bytes);
        Optional<Extent> extent = tryOnce(size, excluded);
        if (extent.isEmpty() && set.fits(size) && set.retireWhere(home -> true)) {
            extent = tryOnce(size, excluded);
        }
        return extent;
    }

    /** Looks in one directory after the other, the most room first and those that failed lately last. */
    private Optional<Extent> tryOnce(long size, Set<RegionDirectory> excluded) throws IOException {
        if (!set.fits(size)) {
            return Optional.empty();
        }
        if (kind == Kind.PRIVATE_MEMORY) {
            return set.tryIn(null, limits.limitBytes(), size);
        }
        for (Candidate candidate : candidates(excluded)) {
            Optional<Extent> extent = set.tryIn(candidate.directory, candidate.room, size);
            if (extent.isPresent()) {
                return extent;
            }
        }
        return Optional.empty();
    }

    /** A disk that failed is still better than none; shared memory that failed or is full is not tried for a while. */
    private List<Candidate> candidates(Set<RegionDirectory> excluded) {
        return directories.stream()
                .filter(directory -> !excluded.contains(directory))
                .map(directory -> new Candidate(
                        directory,
                        kind == Kind.FILES ? directory.roomOnDisk() : directory.roomInMemory(),
                        directory.isSetAside() ? 1 : 0))
                .filter(candidate -> kind == Kind.FILES || candidate.setAside == 0)
                .sorted(Comparator.comparingInt(Candidate::setAside)
                        .thenComparing(Candidate::room, Comparator.reverseOrder()))
                .toList();
    }

    /** Gives regions without extents back to the system once they have been idle for long enough. */
    public void trim(long nowNanos) {
        set.retireWhere(
                home -> nowNanos - home.idleSinceNanos() >= limits.idle().toNanos());
    }

    boolean isHomeOf(RegionSet extents) {
        return set == extents;
    }

    /** Returns the bytes of all extents. */
    public long usedBytes() {
        return set.usedBytes();
    }

    /** Returns the bytes that regions hold of the system, used or not. */
    public long committedBytes() {
        return set.committedBytes();
    }

    /** Returns a number that grows whenever threads that wait for memory may go on. */
    public long changes() {
        return set.changes();
    }

    /** Returns the number of live extents. */
    public int extents() {
        return set.extents();
    }

    /** Returns what all extents together may take. */
    public long limitBytes() {
        return limits.limitBytes();
    }

    /** Describes for an error what each directory has left, and why it was set aside. */
    public String describeRoom() {
        return directories.stream().map(RegionDirectory::describe).collect(Collectors.joining(", "));
    }

    /** Hands out nothing more; regions go back now, or with their last extent. */
    @Override
    public void close() {
        set.close();
    }
}
