// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.read.ReadCounters.Path;
import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Consecutive rows of a look-up whose bytes this process can address: mapped, or arrived in an extent of their own. A cursor
 * over them; releases what it holds when closed.
 *
 * <p>Threading: the task's thread.
 */
final class Blocks implements AutoCloseable {
    private final PeerBlocks source;
    private final BlockTable table;
    private final Held held;
    private final Path path;
    private final int endRow;
    private int row;
    private long rowBytes;
    private long arrivedOffset;
    private boolean closed;

    private Blocks(Lookup lookup, Held held, Path path, int startRow, int endRow) {
        this.source = lookup.source();
        this.table = lookup.table();
        this.held = held;
        this.path = path;
        this.row = startRow - 1;
        this.endRow = endRow;
    }

    /** Rows read in place; takes over one count on each region, and the lease. */
    static Blocks inPlace(Lookup lookup, List<HostRegion> regions, Path path) {
        Held held = new Held(regions, null, lookup.lease(), () -> {});
        return new Blocks(lookup, held, path, 0, lookup.table().size());
    }

    /** Rows that a transfer laid one after another into an extent; takes over one count on it. */
    static Blocks arrived(Lookup lookup, Extent extent, int startRow, int endRow, Runnable onClose) {
        return new Blocks(lookup, new Held(List.of(), extent, null, onClose), Path.TCP, startRow, endRow);
    }

    /** What the cursor owns until it is closed. */
    private record Held(
            List<HostRegion> mapped,
            @Nullable Extent arrived,
            @Nullable ReadLease lease,
            Runnable onClose) {}

    /** Moves to the next row; false behind the last one. */
    boolean next() {
        arrivedOffset += rowBytes;
        row++;
        rowBytes = row < endRow ? table.length(row) : 0;
        return row < endRow;
    }

    PeerBlocks source() {
        return source;
    }

    BlockTable table() {
        return table;
    }

    int row() {
        return row;
    }

    Path path() {
        return path;
    }

    /** Returns the region that holds the row's bytes. */
    HostRegion region() {
        return held.arrived == null ? held.mapped.get(table.region(row)) : held.arrived.region();
    }

    /** Returns where in {@link #region} the row's bytes begin. */
    long offset() {
        return held.arrived == null ? table.offset(row) : held.arrived.offset() + arrivedOffset;
    }

    /** Tells whether the owner may have reused the memory that rows are read from in place. */
    boolean isLeaseExpired() {
        return held.lease != null && held.lease.isExpired();
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        held.mapped.forEach(HostRegion::release);
        if (held.arrived != null) {
            held.arrived.release();
        }
        if (held.lease != null) {
            held.lease.close();
        }
        held.onClose.run();
    }
}
