// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.read.RemoteReads.Step;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The order of one task's groups: which is asked for next, and which may be read next of those that are here. A block that goes
 * on in another group is followed by that group and by no other, and that group is asked for before all others, whatever the
 * task's budget is.
 *
 * <p>Threading: guarded by the fetch that owns it.
 */
final class ReadQueue implements AutoCloseable {
    private final int maxRequests;
    private final Deque<RemoteReads> unsubmitted = new ArrayDeque<>();
    private final Deque<Group> readable = new ArrayDeque<>();
    private int inFlight;
    private @Nullable PeerBlocks lastAsked;
    private @Nullable Owed owed;
    private Step hindrance = Step.LATER;

    /** Where the block goes on that was read last. */
    private record Owed(RemoteReads reads, int row) {
        boolean isStartOf(Group group) {
            return group.found() == reads.found() && group.startRow() == row;
        }
    }

    /** Creates an empty queue of a task that may have a number of requests in flight. */
    ReadQueue(int maxRequests) {
        this.maxRequests = maxRequests;
    }

    boolean mayRequest() {
        return inFlight < maxRequests;
    }

    /** Counts a look-up, a connection or a transfer that has begun. */
    void begun(PeerBlocks source) {
        inFlight++;
        lastAsked = source;
    }

    /** Counts one that has ended. */
    void ended() {
        inFlight--;
    }

    int inFlight() {
        return inFlight;
    }

    /** Returns whose blocks were asked for last. */
    Optional<PeerBlocks> lastAsked() {
        return Optional.ofNullable(lastAsked);
    }

    /** Returns what kept the task from asking for more: memory, or a peer. */
    Step hindrance() {
        return hindrance;
    }

    /** Returns whether nothing is under way, nothing is left to ask for and nothing to read. */
    boolean isEmpty() {
        return inFlight == 0 && unsubmitted.isEmpty() && readable.isEmpty() && owed == null;
    }

    /** Adds reads that have something to submit. */
    void add(RemoteReads reads) {
        if (!unsubmitted.contains(reads)) {
            unsubmitted.add(reads);
        }
    }

    /** Adds a group that is here; takes it over. */
    void add(Group group) {
        readable.add(group);
    }

    /** Takes the group to read next out of the queue; null when none may be read now. */
    @Nullable
    Group next() {
        for (Iterator<Group> each = readable.iterator(); each.hasNext(); ) {
            Group group = each.next();
            if (mayFollow(group)) {
                each.remove();
                owed = null;
                return group;
            }
        }
        return null;
    }

    private boolean mayFollow(Group group) {
        return owed == null ? !group.startsInsideBlock() : owed.isStartOf(group);
    }

    /** Every row of a group was read, and the group is closed. */
    void read(Group group) {
        group.reads().ifPresentOrElse(reads -> read(group, reads), group.found()::close);
    }

    private void read(Group group, RemoteReads reads) {
        if (group.table().continued(group.endRow() - 1)) {
            owed = new Owed(reads, group.endRow());
        }
        reads.read(group);
    }

    /** Asks for as much as the task's limits, its memory and the peers allow; call when nothing is being read. */
    void submit() throws IOException {
        hindrance = Step.LATER;
        boolean more = submitOwed();
        while (more) {
            more = false;
            for (int turns = unsubmitted.size();
                    turns > 0 && mayRequest() && hindrance != Step.NO_MEMORY;
                    turns--) {
                RemoteReads reads = unsubmitted.remove();
                more |= submitted(reads, reads.submitNext());
                if (!reads.isSubmitted()) {
                    unsubmitted.add(reads);
                }
            }
        }
    }

    /** Returns whether memory is left for other groups than the one that is owed. */
    private boolean submitOwed() throws IOException {
        Owed next = owed;
        return next == null || !mayRequest() || !next.reads.isUnasked(next.row) || submitNeeded(next.reads, next.row);
    }

    /** A task that reads nothing and has nothing under way asks for one group, whatever holds its budget. */
    void submitWhenStarved() throws IOException {
        if (inFlight > 0 || owed != null || readable.stream().anyMatch(this::mayFollow)) {
            return;
        }
        for (RemoteReads reads : unsubmitted) {
            Optional<Integer> row = reads.firstUnasked();
            if (row.isPresent()) {
                submitNeeded(reads, row.get());
                return;
            }
        }
    }

    /** When memory is short, groups that must wait for the needed one give theirs back and are asked for again. */
    private boolean submitNeeded(RemoteReads reads, int row) throws IOException {
        Step step = reads.submitFrom(row);
        if (step == Step.NO_MEMORY) {
            giveUpWaiting();
            step = reads.submitNeeded(row);
        }
        submitted(reads, step);
        return step != Step.NO_MEMORY;
    }

    private void giveUpWaiting() {
        for (Iterator<Group> each = readable.iterator(); each.hasNext(); ) {
            Group group = each.next();
            Optional<RemoteReads> reads = group.reads();
            if (reads.isPresent()) {
                each.remove();
                reads.get().giveUp(group);
                add(reads.get());
            }
        }
    }

    private boolean submitted(RemoteReads reads, Step step) {
        if (step == Step.SUBMITTED) {
            begun(reads.source());
            return true;
        }
        if (step == Step.NO_MEMORY || step == Step.PEER_BUSY) {
            hindrance = step;
        }
        return false;
    }

    /** Gives back what is here. */
    @Override
    public void close() {
        readable.forEach(Group::close);
        readable.clear();
        unsubmitted.clear();
    }
}
