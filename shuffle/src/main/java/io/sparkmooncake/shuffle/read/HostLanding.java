// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.read.ReadCounters.Path;
import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Blocks land in host memory: mapped in place when it is shared, else in an extent of private memory. Files of this host are read
 * into private memory, too, by the reading thread.
 */
public final class HostLanding implements Landing {
    private final RegionPool scratch;
    private final Set<Abandoned> abandoned = ConcurrentHashMap.newKeySet();

    private record Abandoned(Thread reader, Runnable close) {}

    /**
     * Creates a landing.
     *
     * @param scratch private memory that transfers and reads of files land in; borrowed
     */
    public HostLanding(RegionPool scratch) {
        this.scratch = scratch;
    }

    @Override
    public Optional<Place> inPlace(FoundBlocks found) throws TransferException {
        return found.map().map(regions -> new Mapped(found, regions, new FileWindow(scratch, found.table(), regions)));
    }

    @Override
    public Optional<Place> tryTake(BlockTable table, int startRow, int endRow) throws IOException {
        long[] starts = starts(table, startRow, endRow);
        return scratch.tryAllocate(starts[endRow - startRow]).map(extent -> new Arrived(extent, startRow, starts));
    }

    @Override
    public Optional<Place> tryTakeNeeded(BlockTable table, int startRow, int endRow) throws IOException {
        long[] starts = starts(table, startRow, endRow);
        return scratch.tryNeeded(starts[endRow - startRow]).map(extent -> new Arrived(extent, startRow, starts));
    }

    /** Returns where each row begins, and behind the last row where it ends. */
    private static long[] starts(BlockTable table, int startRow, int endRow) {
        long[] starts = new long[endRow - startRow + 1];
        for (int row = startRow; row < endRow; row++) {
            starts[row - startRow + 1] = starts[row - startRow] + table.length(row);
        }
        return starts;
    }

    @Override
    public long changes() {
        return scratch.changes();
    }

    @Override
    public String describeMemory() {
        return "limit=" + scratch.limitBytes() + " used=" + scratch.usedBytes();
    }

    @Override
    public void closeAfter(Thread reader, Runnable close) {
        abandoned.add(new Abandoned(reader, close));
    }

    /** Closes what threads that have ended were reading; call every few seconds. */
    public void trim() {
        abandoned.removeIf(each -> {
            boolean ended = !each.reader.isAlive();
            if (ended) {
                each.close.run();
            }
            return ended;
        });
    }

    private static final class Mapped implements Place {
        private final FoundBlocks found;
        private final List<HostRegion> regions;
        private final FileWindow files;

        Mapped(FoundBlocks found, List<HostRegion> regions, FileWindow files) {
            this.found = found;
            this.regions = regions;
            this.files = files;
        }

        private HostRegion home(int row) {
            return regions.get(found.table().region(row));
        }

        @Override
        public boolean tryReserve(int row) throws IOException {
            return home(row).isAddressable() || files.tryReserve(row);
        }

        @Override
        public void load(int row) throws IOException {
            if (!home(row).isAddressable()) {
                files.load(row);
            }
        }

        @Override
        public HostRegion region(int row) {
            HostRegion home = home(row);
            return home.isAddressable() ? home : files.region();
        }

        @Override
        public long offset(int row) {
            return home(row).isAddressable() ? found.table().offset(row) : files.offset(row);
        }

        @Override
        public ByteBuffer bytes(int row, long from, int length) {
            return region(row).slice(offset(row) + from, length);
        }

        @Override
        public Path path() {
            return found.isHere() ? Path.IN_PROCESS : Path.SHM;
        }

        @Override
        public void close() {
            files.close();
            regions.forEach(HostRegion::release);
        }
    }

    /** Rows lie one after another. */
    private static final class Arrived implements Place {
        private final Extent extent;
        private final int startRow;
        private final long[] starts;

        Arrived(Extent extent, int startRow, long[] starts) {
            this.extent = extent;
            this.startRow = startRow;
            this.starts = starts;
        }

        @Override
        public HostRegion region(int row) {
            return extent.region();
        }

        @Override
        public long offset(int row) {
            return extent.offset() + starts[row - startRow];
        }

        @Override
        public ByteBuffer bytes(int row, long from, int length) {
            return region(row).slice(offset(row) + from, length);
        }

        @Override
        public Path path() {
            return Path.TCP;
        }

        @Override
        public void close() {
            extent.release();
        }
    }
}
