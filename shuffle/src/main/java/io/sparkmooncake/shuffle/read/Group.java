// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.read.ReadCounters.Path;
import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Consecutive rows of a look-up that become readable together, and a cursor over them. Owns the memory that holds their bytes
 * until it is closed.
 *
 * <p>Threading: guarded by the fetch that hands it out; any thread closes.
 */
final class Group implements AutoCloseable {
    private final FoundBlocks found;
    private final Landing.Place place;
    private final int startRow;
    private final int endRow;
    private final @Nullable RemoteReads reads;
    private int row;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * Creates a group before its first row.
     *
     * @param place taken over
     * @param reads that brought the group and is told when it is closed; null when it lies where it was found
     */
    Group(FoundBlocks found, Landing.Place place, int startRow, int endRow, @Nullable RemoteReads reads) {
        this.found = found;
        this.place = place;
        this.startRow = startRow;
        this.endRow = endRow;
        this.reads = reads;
        this.row = startRow - 1;
    }

    /** Returns whether there is a row behind the current one. */
    boolean hasNext() {
        return row + 1 < endRow;
    }

    /** Takes the memory that the next row needs, and returns whether there was any. */
    boolean tryReserveNext() throws IOException {
        return place.tryReserve(row + 1);
    }

    /** Moves to the next row, which was reserved. */
    void next() {
        row++;
    }

    /** Makes the current row readable. */
    void load() throws IOException {
        place.load(row);
    }

    FoundBlocks found() {
        return found;
    }

    PeerBlocks source() {
        return found.source();
    }

    BlockTable table() {
        return found.table();
    }

    int startRow() {
        return startRow;
    }

    int endRow() {
        return endRow;
    }

    int row() {
        return row;
    }

    long rowBytes() {
        return table().length(row);
    }

    /** Returns whether the first row goes on with a block that began in the rows before. */
    boolean startsInsideBlock() {
        return table().continues(startRow);
    }

    Path path() {
        return place.path();
    }

    /** Returns the reads that brought the group; empty when it lies where it was found. */
    Optional<RemoteReads> reads() {
        return Optional.ofNullable(reads);
    }

    /** Returns the memory that the rows lie in. */
    Landing.Place place() {
        return place;
    }

    /** Returns a view of {@code length} bytes of the current row, valid until the group is closed or moves on. */
    ByteBuffer bytes(long from, int length) {
        return place.bytes(row, from, length);
    }

    /** Returns the CRC32C of the current row's bytes, computed with {@code crc}. */
    int checksum(CRC32C crc) {
        crc.reset();
        for (long at = 0; at < rowBytes(); ) {
            int step = (int) Math.min(rowBytes() - at, HostRegion.MAX_SLICE_BYTES);
            crc.update(bytes(at, step));
            at += step;
        }
        return (int) crc.getValue();
    }

    /** Returns whether the bytes lie in the owner's memory and the owner may have reused it. */
    boolean isExpired() {
        return path() != Path.TCP && found.isExpired();
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            place.close();
            if (reads != null) {
                reads.closed(this);
            }
        }
    }
}
