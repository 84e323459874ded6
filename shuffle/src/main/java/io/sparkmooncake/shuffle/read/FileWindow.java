// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Consecutive rows of a look-up that lie in files of this host, in private memory: as many as fit into {@value #WINDOW_BYTES}
 * bytes, and at least one. The window moves with the reading thread.
 *
 * <p>Threading: guarded by the fetch that reads.
 */
final class FileWindow implements AutoCloseable {
    private static final int WINDOW_BYTES = 1 << 20;

    private final RegionPool scratch;
    private final BlockTable table;
    private final List<HostRegion> regions;
    private @Nullable Extent memory;
    private int startRow;
    private int endRow;
    private long[] starts = {};
    private boolean isLoaded;

    /** Creates an empty window; memory and regions are borrowed. */
    FileWindow(RegionPool scratch, BlockTable table, List<HostRegion> regions) {
        this.scratch = scratch;
        this.table = table;
        this.regions = regions;
    }

    private HostRegion home(int row) {
        return regions.get(table.region(row));
    }

    /** Moves to a row outside the window if there is memory for it, see {@link Landing.Place#tryReserve}. */
    boolean tryReserve(int row) throws IOException {
        if (row >= startRow && row < endRow) {
            return true;
        }
        int end = row + 1;
        long bytes = table.length(row);
        while (end < table.size() && !home(end).isAddressable() && bytes + table.length(end) <= WINDOW_BYTES) {
            bytes += table.length(end++);
        }
        startRow = 0;
        endRow = 0;
        if (!tryTake(end < table.size() ? Math.max(bytes, WINDOW_BYTES) : bytes)) {
            end = row + 1;
            if (!tryTakeNeeded(table.length(row))) {
                return false;
            }
        }
        place(row, end);
        return true;
    }

    private boolean tryTake(long bytes) throws IOException {
        Extent held = memory;
        if (held != null && held.sizeBytes() >= bytes && held.sizeBytes() <= Math.max(bytes, WINDOW_BYTES)) {
            return true;
        }
        close();
        Optional<Extent> taken = scratch.tryAllocate(Math.max(1, bytes));
        memory = taken.orElse(null);
        return taken.isPresent();
    }

    /** The task cannot go on without its next row. */
    private boolean tryTakeNeeded(long bytes) throws IOException {
        close();
        memory = scratch.tryNeeded(Math.max(1, bytes)).orElse(null);
        return memory != null;
    }

    private void place(int row, int end) {
        starts = new long[end - row];
        for (int i = 1; i < starts.length; i++) {
            starts[i] = starts[i - 1] + table.length(row + i - 1);
        }
        startRow = row;
        endRow = end;
        isLoaded = false;
    }

    /** Reads the window of a row that was reserved, once. */
    void load(int row) throws IOException {
        Objects.checkIndex(row - startRow, endRow - startRow);
        for (int first = startRow; !isLoaded && first < endRow; ) {
            int next = first + 1;
            long length = table.length(first);
            while (next < endRow
                    && table.region(next) == table.region(first)
                    && table.offset(next) == table.offset(first) + length) {
                length += table.length(next++);
            }
            read(first, length);
            first = next;
        }
        isLoaded = true;
    }

    private void read(int row, long length) throws IOException {
        for (long done = 0; done < length; ) {
            int step = (int) Math.min(length - done, HostRegion.MAX_SLICE_BYTES);
            home(row).readFully(table.offset(row) + done, region().slice(offset(row) + done, step));
            done += step;
        }
    }

    /** Returns the memory that holds the rows. */
    HostRegion region() {
        return Objects.requireNonNull(memory, "no row was reserved").region();
    }

    /** Returns where in {@link #region} a row begins. */
    long offset(int row) {
        return Objects.requireNonNull(memory, "no row was reserved").offset() + starts[row - startRow];
    }

    /** Gives the memory back. Idempotent. */
    @Override
    public void close() {
        Extent held = memory;
        if (held != null) {
            memory = null;
            startRow = 0;
            endRow = 0;
            held.release();
        }
    }
}
