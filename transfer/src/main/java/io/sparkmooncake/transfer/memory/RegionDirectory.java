// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One directory in which a pool makes regions: the room that it has, the bytes that extents were promised and have not written
 * yet, and whether it failed lately. A directory that failed is set aside: others come first, and it is tried again later.
 *
 * <p>Threading: safe from any thread.
 */
final class RegionDirectory {
    /** What a memory file system keeps for others at least. */
    static final long LEAST_HEADROOM_BYTES = 4L << 20;

    private static final Logger LOG = LoggerFactory.getLogger(RegionDirectory.class);
    private static final long UNLIMITED_BYTES = Long.MAX_VALUE / 4;
    private static final int HEADROOM_SHARE = 16;
    private static final Duration AFTER_A_FAILURE = Duration.ofSeconds(30);
    private static final Duration AFTER_IT_WAS_FULL = Duration.ofSeconds(1);

    private final Path path;
    private final AtomicLong promisedBytes = new AtomicLong();

    @GuardedBy("this")
    private @Nullable String failure;

    @GuardedBy("this")
    private long setAsideUntilNanos = System.nanoTime();

    RegionDirectory(Path path) {
        this.path = path;
    }

    Path path() {
        return path;
    }

    /** Returns what a disk has left for extents that are not promised any space yet. */
    long roomOnDisk() {
        return usable(path) - promisedBytes.get();
    }

    /** Returns what a memory file system has left above its head-room. */
    long roomInMemory() {
        return usable(path) - headroom(path);
    }

    /** Returns what a pool alone in an empty memory file system could take; without limit if the file system has none. */
    static long capacity(Path directory) {
        long total = directory.toFile().getTotalSpace();
        return total == 0 ? usable(directory) : total - headroom(directory);
    }

    private static long headroom(Path directory) {
        return Math.max(LEAST_HEADROOM_BYTES, directory.toFile().getTotalSpace() / HEADROOM_SHARE);
    }

    /** A tmpfs without a limit has a total of 0. */
    private static long usable(Path directory) {
        long usable = directory.toFile().getUsableSpace();
        return usable == 0 && directory.toFile().getTotalSpace() == 0 && Files.isDirectory(directory)
                ? UNLIMITED_BYTES
                : usable;
    }

    /** Adds to the bytes that extents will write, or takes from them. */
    void promise(long bytes) {
        promisedBytes.addAndGet(bytes);
    }

    synchronized boolean isSetAside() {
        return System.nanoTime() - setAsideUntilNanos < 0;
    }

    /** Sets the directory aside, with one warning until it works again. */
    synchronized void failed(IOException cause) {
        if (failure == null) {
            LOG.warn(
                    "{} cannot be used and is set aside for {} s at a time: {}",
                    path,
                    AFTER_A_FAILURE.toSeconds(),
                    cause.toString());
        }
        failure = cause.toString();
        setAsideUntilNanos = System.nanoTime() + AFTER_A_FAILURE.toNanos();
    }

    /** Sets a file system aside that was filled by others while blocks were taken from it. */
    synchronized void filled() {
        setAsideUntilNanos = System.nanoTime() + AFTER_IT_WAS_FULL.toNanos();
    }

    /**
     * Takes the directory into use again after a write, if the write took new blocks or the directory is not set aside any more: a
     * full disk still accepts writes to blocks that it has given out.
     */
    synchronized void wrote(long newBytes) {
        if (failure != null && (newBytes > 0 || !isSetAside())) {
            LOG.info("{} can be used again", path);
            failure = null;
            setAsideUntilNanos = System.nanoTime();
        }
    }

    /** Something was freed: a full file system is worth another look. */
    synchronized void freed() {
        if (failure == null) {
            setAsideUntilNanos = System.nanoTime();
        }
    }

    /** Describes the room for an error. */
    synchronized String describe() {
        return path + ": " + usable(path) + " bytes usable" + (failure == null ? "" : ", set aside after " + failure);
    }
}
