// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A region of a pool, its free space, and which pages of its file have blocks.
 *
 * <p>Threading: guarded by its pool, except {@link #write} and {@link #takeBlocks}.
 */
final class PooledRegion {
    static final int PAGE_BYTES = 4096;

    private final HostRegion region;
    private final @Nullable RegionDirectory directory;
    private final @Nullable SharedFile file;
    private final FreeSpace free;
    private final BitSet backed = new BitSet();
    private long backedBytes;
    private long idleSinceNanos = System.nanoTime();

    /** Pages without blocks. */
    record Gap(long offset, long length) {}

    PooledRegion(HostRegion region, @Nullable RegionDirectory directory) {
        this.region = region;
        this.directory = directory;
        this.file = region instanceof DescribedRegion described ? described.ownFile() : null;
        this.free = new FreeSpace(region.sizeBytes());
    }

    HostRegion region() {
        return region;
    }

    /** Returns where its file is; null for private memory. */
    @Nullable
    RegionDirectory directory() {
        return directory;
    }

    FreeSpace free() {
        return free;
    }

    /** Returns what the region takes of the system: the blocks of its file, or all of private memory. */
    long committedBytes() {
        return file == null ? region.sizeBytes() : backedBytes;
    }

    /** Returns the pages of a stretch that have no blocks yet. */
    List<Gap> gaps(long offset, long length) {
        List<Gap> gaps = new ArrayList<>();
        int end = endPage(offset + length);
        int page = backed.nextClearBit((int) (offset / PAGE_BYTES));
        while (page < end) {
            int next = backed.nextSetBit(page);
            int gapEnd = next < 0 ? end : Math.min(next, end);
            gaps.add(new Gap((long) page * PAGE_BYTES, (long) (gapEnd - page) * PAGE_BYTES));
            page = backed.nextClearBit(gapEnd);
        }
        return gaps;
    }

    /** Notes that the pages of a stretch have blocks, and returns how many bytes are new. */
    long markBacked(long offset, long length) {
        int added = 0;
        int end = endPage(offset + length);
        for (int page = backed.nextClearBit((int) (offset / PAGE_BYTES)); page < end; ) {
            backed.set(page);
            added++;
            page = backed.nextClearBit(page);
        }
        backedBytes += (long) added * PAGE_BYTES;
        return (long) added * PAGE_BYTES;
    }

    private static int endPage(long end) {
        return (int) ((end + PAGE_BYTES - 1) / PAGE_BYTES);
    }

    /** Takes zeroed blocks for the first of these bytes and returns how many; a full file system throws. */
    long takeBlocks(long offset, long length) throws IOException {
        if (file == null) {
            return length;
        }
        long start = RegionHeaderLayout.SIZE_BYTES + offset;
        return file.reserveSome(start, start + Math.min(length, region.sizeBytes() - offset));
    }

    void write(long offset, ByteBuffer bytes) throws IOException {
        if (file == null || directory == null) {
            region.slice(offset, bytes.remaining()).put(bytes);
            return;
        }
        try {
            file.write(RegionHeaderLayout.SIZE_BYTES + offset, bytes);
        } catch (ClosedChannelException endedOrInterrupted) {
            throw endedOrInterrupted;
        } catch (IOException e) {
            directory.failed(e);
            throw e;
        }
    }

    void usedUntil(long nanos) {
        idleSinceNanos = nanos;
    }

    long idleSinceNanos() {
        return idleSinceNanos;
    }
}
