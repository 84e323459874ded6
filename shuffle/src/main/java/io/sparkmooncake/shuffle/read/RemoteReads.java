// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The rows of one look-up that must be transferred, group after group. A group is one batch into one extent; neighbouring
 * blocks are one request. The look-up's lease ends when the last group has landed.
 *
 * <p>Threading: the task's thread.
 */
final class RemoteReads implements AutoCloseable {
    private final Lookup lookup;
    private final Peer peer;
    private final List<RegionDescriptor> regions;
    private final ReadEnvironment environment;
    private final FetchEvents events;
    private final ByteBudget budget;
    private final Set<TransferBatch> inFlight = new HashSet<>();
    private int nextRow;

    RemoteReads(FetchEvents.LookedUp answer, ReadEnvironment environment, FetchEvents events, ByteBudget budget) {
        this.lookup = new Lookup(answer.source(), answer.found().table(), answer.lease());
        this.peer = answer.peer();
        this.regions = answer.found().regions();
        this.environment = environment;
        this.events = events;
        this.budget = budget;
    }

    PeerBlocks source() {
        return lookup.source();
    }

    /** Tells whether every row is in some group. */
    boolean isSubmitted() {
        return nextRow == lookup.table().size();
    }

    /** Submits the next group; false, with nothing begun, if the task's budget, the executor's memory or the peer is exhausted. */
    boolean submitNext() {
        BlockTable table = lookup.table();
        int endRow = nextRow;
        long bytes = 0;
        while (endRow < table.size() && (endRow == nextRow || bytes + table.length(endRow) <= budget.groupBytes())) {
            bytes += table.length(endRow++);
        }
        if (!budget.admits(bytes)) {
            return false;
        }
        Optional<Extent> room = allocate(bytes);
        if (room.isEmpty()) {
            return false;
        }
        Extent extent = room.get();
        TransferBatch batch = batch(extent, nextRow, endRow);
        if (peer.submit(batch) == Peer.Submission.BUSY) {
            extent.release();
            return false;
        }
        budget.take(bytes);
        inFlight.add(batch);
        Arrived arrived = new Arrived(this, batch, extent, nextRow, endRow);
        var unused = batch.completion().thenAccept(done -> events.add(arrived));
        nextRow = endRow;
        return true;
    }

    /** Asks without waiting: a task may hold blocks here while it waits for memory to write. */
    private Optional<Extent> allocate(long bytes) {
        try {
            return environment.destination().tryAllocate(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private TransferBatch batch(Extent extent, int startRow, int endRow) {
        BlockTable table = lookup.table();
        TransferBatch batch =
                new TransferBatch(Opcode.READ, environment.limits().timeout());
        long destination = extent.offset();
        for (int row = startRow; row < endRow; ) {
            long length = table.length(row);
            int next = row + 1;
            while (next < endRow
                    && table.region(next) == table.region(row)
                    && table.offset(next) == table.offset(row) + length) {
                length += table.length(next++);
            }
            batch.add(extent.region(), destination, regions.get(table.region(row)), table.offset(row), length);
            destination += length;
            row = next;
        }
        return batch;
    }

    private void landed(TransferBatch batch) {
        inFlight.remove(batch);
        if (isSubmitted() && inFlight.isEmpty()) {
            lookup.lease().close();
        }
    }

    /** Cancels what is under way; its memory is given back when no transfer touches it any more. */
    @Override
    public void close() {
        inFlight.forEach(TransferBatch::cancel);
        lookup.lease().close();
    }

    /** A group that landed, or failed. */
    record Arrived(RemoteReads reads, TransferBatch batch, Extent extent, int startRow, int endRow)
            implements FetchEvents.Event {
        @Override
        public void deliverTo(BlockFetch fetch) {
            fetch.arrived(this);
        }

        @Override
        public void close() {
            extent.release();
        }

        void landed() {
            reads.landed(batch);
        }

        PeerBlocks source() {
            return reads.source();
        }

        BlockTable table() {
            return reads.lookup.table();
        }

        Optional<TransferException> failure() {
            return batch.firstFailure();
        }

        /** Returns the blocks, which take over the extent and give its bytes back to the budget when closed. */
        Blocks blocks() {
            long bytes = batch.totalBytes();
            return Blocks.arrived(reads.lookup, extent, startRow, endRow, () -> reads.budget.giveBack(bytes));
        }
    }
}
