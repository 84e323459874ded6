// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferOutcome.Status;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The rows of one look-up that must be transferred, group after group. A group is one batch; neighbouring blocks are one
 * request. The claim on the look-up's lease is given up when every row was read.
 *
 * <p>Threading: guarded by the fetch that owns it. Once that is closed, any thread may close a group.
 */
final class RemoteReads implements AutoCloseable {
    /** A group is not made smaller than this when memory is short: small ones would leave only gaps behind. */
    private static final long LEAST_GROUP_BYTES = RegionPool.LEAST_BYTES;

    private final FoundBlocks found;
    private final Landing landing;
    private final ByteBudget budget;
    private final Duration timeout;
    private final Consumer<Transfer> onEnd;
    private final @Nullable TransferException notMapped;
    private final TreeMap<Integer, Integer> unasked = new TreeMap<>();
    private final Set<Transfer> inFlight = new HashSet<>();
    private final Deque<Transfer> again = new ArrayDeque<>();
    private @Nullable Peer peer;

    /** Counts connections: what fails late over an earlier one says nothing about this one. */
    private int connection;

    private int unread;
    private int failures;

    /** What came of an attempt to submit a group. */
    enum Step {
        /** A group is under way. */
        SUBMITTED,
        /** Every row was asked for. */
        NOTHING_LEFT,
        /** The task has enough under way, or the connection is being made anew. */
        LATER,
        /** The peer takes no more now. */
        PEER_BUSY,
        /** No memory is free to land in. */
        NO_MEMORY
    }

    /** A group on its way: the batch that carries what has not landed of it yet. */
    record Transfer(RemoteReads reads, Group group, TransferBatch batch, int connection) {}

    /**
     * Creates reads of all rows.
     *
     * @param landing where the rows go
     * @param timeout deadline of a batch
     * @param notMapped why the rows could not be read in place though they should be; null when they need not be
     * @param onEnd takes each transfer when it has ended, on any thread
     */
    RemoteReads(
            FoundBlocks found,
            Landing landing,
            ByteBudget budget,
            Duration timeout,
            @Nullable TransferException notMapped,
            Consumer<Transfer> onEnd) {
        this.found = found;
        this.landing = landing;
        this.budget = budget;
        this.timeout = timeout;
        this.notMapped = notMapped;
        this.onEnd = onEnd;
        this.peer = found.peer();
        this.unread = found.table().size();
        unasked.put(0, unread);
    }

    FoundBlocks found() {
        return found;
    }

    PeerBlocks source() {
        return found.source();
    }

    /** Returns why the rows could not be read in place. */
    Optional<TransferException> notMapped() {
        return Optional.ofNullable(notMapped);
    }

    /** Returns whether every row is in a group that is under way or has landed. */
    boolean isSubmitted() {
        return unasked.isEmpty() && again.isEmpty();
    }

    /** Returns whether no group asks for the row. */
    boolean isUnasked(int row) {
        Map.Entry<Integer, Integer> range = unasked.floorEntry(row);
        return range != null && row < range.getValue();
    }

    /** Returns the first row that no group asks for. */
    Optional<Integer> firstUnasked() {
        return unasked.isEmpty() ? Optional.empty() : Optional.of(unasked.firstKey());
    }

    /** Submits the next group if the task's budget, its memory and the peer allow it. */
    Step submitNext() throws IOException {
        if (peer == null) {
            return Step.LATER;
        }
        if (!again.isEmpty()) {
            return submitAgain(peer);
        }
        if (unasked.isEmpty()) {
            return Step.NOTHING_LEFT;
        }
        int row = unasked.firstKey();
        return budget.admits(bytes(row, endOfGroup(row, budget.groupBytes()))) ? submitFrom(row) : Step.LATER;
    }

    /** Submits the group that begins with {@code row}, whatever the task's budget is. */
    Step submitFrom(int row) throws IOException {
        if (peer == null) {
            return Step.LATER;
        }
        long target = budget.groupBytes();
        while (true) {
            int endRow = endOfGroup(row, target);
            Optional<Landing.Place> place = landing.tryTake(found.table(), row, endRow);
            if (place.isPresent()) {
                return submit(peer, row, endRow, place.get());
            }
            target = Math.min(target, bytes(row, endRow)) / 2;
            if (endRow - row == 1 || target < LEAST_GROUP_BYTES) {
                return Step.NO_MEMORY;
            }
        }
    }

    /** Submits a small group that begins with {@code row}, which the task cannot go on without, if need be beyond the limit. */
    Step submitNeeded(int row) throws IOException {
        if (peer == null) {
            return Step.LATER;
        }
        int endRow = endOfGroup(row, Math.min(budget.groupBytes(), LEAST_GROUP_BYTES));
        Optional<Landing.Place> place = landing.tryTakeNeeded(found.table(), row, endRow);
        return place.isPresent() ? submit(peer, row, endRow, place.get()) : Step.NO_MEMORY;
    }

    private Step submit(Peer to, int startRow, int endRow, Landing.Place place) {
        Group group = new Group(found, place, startRow, endRow, this);
        budget.take(bytes(startRow, endRow));
        if (!submit(to, group, batch(group))) {
            group.close();
            return Step.PEER_BUSY;
        }
        markAsked(startRow, endRow);
        return Step.SUBMITTED;
    }

    private int endOfGroup(int startRow, long targetBytes) {
        BlockTable table = found.table();
        int limit = unasked.floorEntry(startRow).getValue();
        int endRow = startRow + 1;
        long bytes = table.length(startRow);
        while (endRow < limit && bytes + table.length(endRow) <= targetBytes) {
            bytes += table.length(endRow++);
        }
        return endRow;
    }

    private long bytes(int startRow, int endRow) {
        long bytes = 0;
        for (int row = startRow; row < endRow; row++) {
            bytes += found.table().length(row);
        }
        return bytes;
    }

    private void markAsked(int startRow, int endRow) {
        Map.Entry<Integer, Integer> range = unasked.floorEntry(startRow);
        unasked.remove(range.getKey());
        if (range.getKey() < startRow) {
            unasked.put(range.getKey(), startRow);
        }
        if (endRow < range.getValue()) {
            unasked.put(endRow, range.getValue());
        }
    }

    private TransferBatch batch(Group group) {
        BlockTable table = found.table();
        TransferBatch batch = new TransferBatch(Opcode.READ, timeout);
        for (int row = group.startRow(); row < group.endRow(); ) {
            long length = table.length(row);
            int next = row + 1;
            while (next < group.endRow()
                    && table.region(next) == table.region(row)
                    && table.offset(next) == table.offset(row) + length
                    && group.place().region(next) == group.place().region(row)
                    && group.place().offset(next) == group.place().offset(row) + length) {
                length += table.length(next++);
            }
            batch.add(group.place().region(row), group.place().offset(row), remote(row), table.offset(row), length);
            row = next;
        }
        return batch;
    }

    /** Memory that could not be mapped here is named without its file, so that no path tries that again. */
    private RegionDescriptor remote(int row) {
        RegionDescriptor region = found.region(row);
        return notMapped == null
                ? region
                : new RegionDescriptor(region.id(), region.key(), region.sizeBytes(), region.location(), "");
    }

    private boolean submit(Peer to, Group group, TransferBatch batch) {
        if (to.submit(batch) == Peer.Submission.BUSY) {
            return false;
        }
        Transfer transfer = new Transfer(this, group, batch, connection);
        inFlight.add(transfer);
        var unused = batch.completion().thenAccept(done -> onEnd.accept(transfer));
        return true;
    }

    /** Submits what has not landed of a group that failed. */
    private Step submitAgain(Peer to) {
        Transfer failed = again.element();
        TransferBatch rest = new TransferBatch(Opcode.READ, timeout);
        for (int i = 0; i < failed.batch.count(); i++) {
            if (failed.batch.outcome(i).status() != Status.COMPLETED) {
                rest.add(
                        failed.batch.local(i),
                        failed.batch.localOffset(i),
                        failed.batch.remote(i),
                        failed.batch.remoteOffset(i),
                        failed.batch.length(i));
            }
        }
        if (!submit(to, failed.group, rest)) {
            return Step.PEER_BUSY;
        }
        again.remove();
        return Step.SUBMITTED;
    }

    /** A group has landed: the peer is well. */
    void landed(Transfer transfer) {
        inFlight.remove(transfer);
        failures = 0;
    }

    /**
     * A group failed and will be submitted again over the next connection.
     *
     * @return how often a connection failed since a group landed; 0 when another connection is there or being made
     */
    int failed(Transfer transfer) {
        inFlight.remove(transfer);
        again.add(transfer);
        if (peer == null || transfer.connection != connection) {
            return 0;
        }
        peer = null;
        return ++failures;
    }

    /** The next connection could not be made; returns how often that, or a connection, failed since a group landed. */
    int connectFailed() {
        return ++failures;
    }

    /** Goes on over this connection. */
    void connected(Peer next) {
        peer = next;
        connection++;
    }

    /** All rows of a group were read. */
    void read(Group group) {
        unread -= group.endRow() - group.startRow();
        if (unread == 0) {
            found.close();
        }
    }

    /** The memory of a group was given back. */
    void closed(Group group) {
        budget.giveBack(bytes(group.startRow(), group.endRow()));
    }

    /** Gives the memory of a group that landed back; its rows will be asked for again. */
    void giveUp(Group group) {
        unasked.put(group.startRow(), group.endRow());
        group.close();
    }

    /** Cancels what is under way; its memory is given back when no transfer touches it any more. */
    @Override
    public void close() {
        inFlight.forEach(transfer -> transfer.batch.cancel());
        again.forEach(transfer -> transfer.group.close());
        again.clear();
        unasked.clear();
        found.close();
    }
}
