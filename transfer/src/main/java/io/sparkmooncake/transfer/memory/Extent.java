// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Part of a pooled region. Counted: created with one count for its creator; its bytes go back to the pool when the last count
 * is released.
 *
 * <p>Threading: counting is safe from any thread; who fills it and who reads it is the owner's business.
 */
public final class Extent {
    private final RegionSet pool;
    private final PooledRegion home;
    private final long offset;
    private final AtomicInteger owners = new AtomicInteger(1);
    private final AtomicLong promisedBytes;
    private volatile @Nullable Runnable afterwards;
    private volatile long sizeBytes;
    private volatile boolean writeFailed;

    /**
     * Wraps a stretch.
     *
     * @param promisedBytes what its directory keeps free for it until it is written
     */
    Extent(RegionSet pool, PooledRegion home, long offset, long sizeBytes, long promisedBytes) {
        this.pool = pool;
        this.home = home;
        this.offset = offset;
        this.sizeBytes = sizeBytes;
        this.promisedBytes = new AtomicLong(promisedBytes);
    }

    /** Returns the region that holds it, which lives at least as long as this extent. */
    public HostRegion region() {
        return home.region();
    }

    /** Returns where in the region it begins. */
    public long offset() {
        return offset;
    }

    /** Returns the directory of its file; null for private memory. */
    @Nullable
    RegionDirectory directory() {
        return home.directory();
    }

    /** Returns its size in bytes. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** Returns whether it is part of this pool. */
    public boolean isFrom(RegionPool other) {
        return other.isHomeOf(pool);
    }

    /** Returns whether it has more than one owner at this moment. */
    public boolean isShared() {
        return owners.get() > 1;
    }

    /** Returns a view like {@link HostRegion#slice}, relative to this extent. */
    public ByteBuffer slice(long start, int length) {
        Objects.checkFromIndexSize(start, length, sizeBytes);
        return home.region().slice(offset + start, length);
    }

    /**
     * Writes to the extent through its file where it has one, so that a full disk is an exception. The way to fill extents of
     * {@link RegionPool#files}.
     */
    public void write(long start, ByteBuffer bytes) throws IOException {
        Objects.checkFromIndexSize(start, bytes.remaining(), sizeBytes);
        int length = bytes.remaining();
        RegionDirectory directory = home.directory();
        try {
            home.write(offset + start, bytes);
        } catch (ClosedChannelException endedOrInterrupted) {
            throw endedOrInterrupted;
        } catch (IOException e) {
            writeFailed = true;
            throw e;
        }
        if (directory != null) {
            long taken = pool.wrote(home, offset + start, length);
            directory.wrote(taken);
            keepPromise(start + length > sizeBytes - FreeSpace.ALIGNMENT_BYTES ? Long.MAX_VALUE : taken);
        }
    }

    /** Returns whether its directory failed while it was written. */
    boolean hasWriteFailed() {
        return writeFailed;
    }

    /** Sets what runs when the extent was given back; call once. */
    void whenGivenBack(Runnable action) {
        afterwards = action;
    }

    private void keepPromise(long bytes) {
        RegionDirectory directory = home.directory();
        if (directory != null) {
            long before = promisedBytes.getAndUpdate(promised -> promised - Math.min(promised, bytes));
            directory.promise(-Math.min(before, bytes));
        }
    }

    /** Gives the bytes behind {@code newSizeBytes} back to the pool. */
    public void shrink(long newSizeBytes) {
        if (newSizeBytes < 0 || newSizeBytes > sizeBytes) {
            throw new IllegalArgumentException("newSize=" + newSizeBytes + " outside size=" + sizeBytes);
        }
        sizeBytes = pool.shrink(home, offset, sizeBytes, newSizeBytes);
    }

    /** Adds an owner and returns true, or returns false when the extent was given back. */
    public boolean tryRetain() {
        return owners.getAndUpdate(count -> count == 0 ? 0 : count + 1) > 0;
    }

    /** Adds an owner; fails with {@link IllegalStateException} when the extent was given back. */
    public void retain() {
        if (!tryRetain()) {
            throw new IllegalStateException("retain of an extent that was given back: " + home.region());
        }
    }

    /** Removes an owner; the last one gives the bytes back. */
    public void release() {
        int before = owners.getAndUpdate(count -> Math.max(0, count - 1));
        if (before == 0) {
            throw new IllegalStateException("release of an extent that was given back: " + home.region());
        }
        if (before == 1) {
            keepPromise(Long.MAX_VALUE);
            pool.giveBack(home, offset, sizeBytes);
            Runnable action = afterwards;
            if (action != null) {
                action.run();
                pool.changed();
            }
        }
    }
}
