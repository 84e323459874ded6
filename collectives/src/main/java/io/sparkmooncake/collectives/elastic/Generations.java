// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One communicator after another, and the operation that is repeated on the next one.
 *
 * <p>An operation is done in two steps: all ranks have its result, then all know that. So when a generation breaks, either every
 * member that goes on has the result, or no rank in the world has returned it.
 *
 * <p>Threading: operations by one thread at a time; {@link #abort} and {@link #close} by any.
 */
final class Generations implements AutoCloseable {
    /** How long votes are awaited when silence has been awaited already. */
    private static final Duration SHORT_PATIENCE = Duration.ofSeconds(10);

    private static final long CLOSE_LIMIT_SECONDS = 10;

    private final Rendezvous rendezvous;
    private final PeerDirectory directory;
    private final Membership membership;
    private final Member self;
    private final Agreement agreement;
    private final ElasticRendezvous.Options options;
    private final ReentrantLock operating = new ReentrantLock();
    private final Set<Member> followed = new HashSet<>();
    private final Queue<CompletableFuture<String>> losses = new ConcurrentLinkedQueue<>();
    private volatile @Nullable Communicator inner;
    private volatile View view;
    private volatile boolean closed;
    private @Nullable CollectiveException broken;
    private long done;
    private long has;
    private long admissionNumber;
    private List<Member> admitted = List.of();
    private ActiveRanks admission;
    private long admissionSeen;

    /** An operation, which changes nothing that it reads until it is committed. */
    @FunctionalInterface
    interface Attempt {
        /** Says what is wrong for these ranks, on each of them alike, before anything is sent. */
        default void check(ActiveRanks active) throws CollectiveException {}

        /** Gets the result without touching the caller's targets; again on the next generation when it fails. */
        void run(Communicator communicator, ActiveRanks active) throws CollectiveException;

        /** Hands the result to the caller. */
        default void commit(ActiveRanks active) {}
    }

    /**
     * Begins with a view that has this rank.
     *
     * @param communicator of that view's members; null when it is still to be joined
     */
    Generations(
            ElasticRendezvous origin,
            Membership membership,
            Agreement agreement,
            View view,
            Member self,
            @Nullable Communicator communicator) {
        this.rendezvous = origin.rendezvous();
        this.directory = origin.directory();
        this.options = origin.options();
        this.membership = membership;
        this.agreement = agreement;
        this.view = view;
        this.self = self;
        this.inner = communicator;
        this.done = view.committed();
        this.has = done;
        this.admission = view.active();
        this.admissionSeen = view.admission();
        if (communicator != null) {
            follow();
        }
    }

    View view() {
        return view;
    }

    /** Joins the generation that the view is of, or one that comes after it. */
    void enter() throws CollectiveException {
        try {
            form();
        } catch (CollectiveException e) {
            regroup(e, options.votePatience());
        }
    }

    private void begin() throws CollectiveException {
        if (!operating.tryLock()) {
            throw new IllegalStateException(
                    name() + " has an operation under way in another thread, or is being closed");
        }
        try {
            requireWhole();
        } catch (CollectiveException e) {
            operating.unlock();
            throw e;
        }
    }

    /** Runs an operation until a generation has its result; returns whose result it is. */
    ActiveRanks run(Attempt attempt) throws CollectiveException {
        begin();
        try {
            while (true) {
                ActiveRanks active = view.active();
                attempt.check(active);
                try {
                    Communicator communicator = open();
                    attempt.run(communicator, active);
                    has = done + 1;
                    communicator.barrier();
                    return commit(attempt, active);
                } catch (CollectiveException e) {
                    regroup(e, e.code() == Code.TIMED_OUT ? shortPatience() : options.votePatience());
                }
                if (has == done + 1) {
                    return commit(attempt, active);
                }
            }
        } catch (CollectiveException e) {
            remember(e);
            throw e;
        } finally {
            operating.unlock();
        }
    }

    private ActiveRanks commit(Attempt attempt, ActiveRanks active) {
        done++;
        attempt.commit(active);
        return active;
    }

    /** Takes the ranks in that the operation before has agreed on, one at least; returns who is active then. */
    ActiveRanks admit(List<Member> asking) throws CollectiveException {
        begin();
        try {
            admissionNumber = done;
            admitted = asking;
            // A view that was made before all knew of them does not have them: the next one has.
            while (view.admission() < done) {
                regroup(new CollectiveException(Code.ABORTED, "re-admission"), options.votePatience());
            }
            return admission;
        } catch (CollectiveException e) {
            remember(e);
            throw e;
        } finally {
            admitted = List.of();
            operating.unlock();
        }
    }

    /** A rank without a communicator is out for good: the others need not wait for its vote. */
    private void remember(CollectiveException e) {
        if (inner == null && broken == null) {
            broken = e;
            agreement.depart();
        }
    }

    private void requireWhole() throws CollectiveException {
        if (closed) {
            throw wasClosed();
        }
        CollectiveException known = broken;
        if (known != null) {
            throw new CollectiveException(known.code(), String.valueOf(known.getMessage()));
        }
    }

    private CollectiveException wasClosed() {
        return new CollectiveException(Code.CLOSED, name() + " was closed by this process");
    }

    private Communicator open() throws CollectiveException {
        Communicator now = inner;
        if (now == null) {
            throw wasClosed();
        }
        return now;
    }

    private Duration shortPatience() {
        Duration full = options.votePatience();
        return full.compareTo(SHORT_PATIENCE) < 0 ? full : SHORT_PATIENCE;
    }

    /** Agrees on the next generation and joins it, and the one after it when that fails. Ends after a bounded number of them. */
    private void regroup(CollectiveException first, Duration firstPatience) throws CollectiveException {
        CollectiveException cause = first;
        Duration patience = firstPatience;
        while (true) {
            Map<Integer, String> lost = agreement.board().lost(view);
            closeInner();
            if (closed) {
                throw wasClosed();
            }
            boolean failsAlike = options.onRankLoss() == OnRankLoss.FAIL && admitted.isEmpty();
            if (failsAlike || Thread.currentThread().isInterrupted()) {
                throw cause;
            }
            Vote vote = new Vote(
                    self, has, cause.code(), String.valueOf(cause.getMessage()), lost, admissionNumber, admitted);
            view = agreement.after(view, vote, patience);
            has = Math.min(has, view.committed());
            if (view.admission() > admissionSeen) {
                admissionSeen = view.admission();
                admission = view.active();
            }
            try {
                form();
                return;
            } catch (CollectiveException e) {
                cause = e;
                patience = options.votePatience();
            }
        }
    }

    /** Joins the communicator of the view's members. */
    private void form() throws CollectiveException {
        ActiveRanks active = view.active();
        Communicator formed = rendezvous.join(new Membership(
                ElasticRendezvous.generationName(membership, view.generation()),
                membership.epoch(),
                active.index(self.rank()),
                active.size()));
        inner = formed;
        follow();
        if (closed) {
            closeInner();
            throw wasClosed();
        }
    }

    /** Has the board told when a member's process is lost. */
    private void follow() {
        for (Member member : view.members()) {
            boolean elsewhere = member.processEpoch() != self.processEpoch()
                    || !member.process().equals(self.process());
            if (elsewhere && followed.add(member)) {
                var unused = directory.peer(member.process()).thenAccept(peer -> follow(member, peer));
            }
        }
    }

    private void follow(Member member, Peer peer) {
        if (peer.record().epoch() == member.processEpoch()) {
            CompletableFuture<String> lost = peer.lost();
            losses.add(lost);
            var unused = lost.thenAccept(reason -> agreement.board().lost(member, reason));
        }
    }

    private void closeInner() {
        Communicator now = inner;
        inner = null;
        if (now != null) {
            now.close();
        }
    }

    private String name() {
        return "communicator=" + membership.communicator() + " epoch=" + membership.epoch() + " rank="
                + membership.rank();
    }

    /** Breaks the group on every rank. */
    void abort(String reason) {
        if (closed) {
            return;
        }
        try {
            agreement.fail(view, Code.ABORTED, self.describe() + " gave up: " + reason);
        } catch (CollectiveException e) {
            // The store is silent or this rank is excluded: its own communicator is broken below.
        }
        Communicator now = inner;
        if (now != null) {
            now.abort(reason);
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        agreement.stop();
        closeInner();
        boolean locked = false;
        try {
            locked = operating.tryLock(CLOSE_LIMIT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        agreement.leave();
        losses.forEach(lost -> lost.cancel(false));
        if (locked) {
            operating.unlock();
        }
    }
}
