// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.Owner;
import io.sparkmooncake.transfer.store.Store;
import io.sparkmooncake.transfer.store.StoreValue;
import io.sparkmooncake.transfer.store.Watch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One rank's side of the agreement in the store: its vote, the views, and the keys that say that it is there or asks to come back.
 *
 * <p>Threading: the rank's own thread, but {@link #fail}, {@link #stop} and {@link #leave}, which are safe from any.
 */
final class Agreement {
    /** How long the store may be silent before this rank gives up. */
    private static final Duration STORE_LIMIT = Duration.ofSeconds(20);

    private static final Duration LEAVE_LIMIT = Duration.ofSeconds(2);
    private static final long MAX_NAP_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    private final Member self;
    private final String group;
    private final String prefix;
    private final Store store;
    private final Owner owner;
    private final int leastActive;
    private final Board board;
    private final Watch watch;
    private volatile boolean stopped;

    /**
     * Begins to follow a group.
     *
     * @param group as errors name it
     * @param prefix of its keys
     */
    Agreement(Member self, String group, String prefix, Store store, int leastActive) {
        this.self = self;
        this.group = group;
        this.prefix = prefix;
        this.store = store;
        this.owner = new Owner(self.process(), self.processEpoch(), self.address());
        this.leastActive = leastActive;
        this.board = new Board(prefix);
        this.watch = store.watch(prefix, board::changed);
    }

    Board board() {
        return board;
    }

    /** Says that this life of the rank is there. */
    void enter() throws CollectiveException {
        claim(Board.rankKey(self), self.encode());
    }

    /** Writes the first view, which every member works out alike. */
    void found(View first) throws CollectiveException {
        Store.Swap swap =
                ask(() -> store.compareAndSet(prefix + Board.viewKey(), Optional.empty(), Blob.of(first.encode())));
        Optional<View> there = swap.current().map(Agreement::view);
        if (there.isEmpty() || there.get().members().stream().noneMatch(self::equals)) {
            throw failed(
                    Code.REFUSED,
                    "another elastic group of this name and epoch is there: give each a name of its own, and each attempt"
                            + " of a stage another epoch",
                    null);
        }
        board.offer(there.get());
    }

    /** Asks to be taken in, and waits until a view has this life of the rank. */
    View askToReturn(Duration patience) throws CollectiveException {
        long startNanos = System.nanoTime();
        claim(Board.askKey(self.rank()), self.encode());
        try {
            watch.pace(Watch.Pace.SOON);
            while (true) {
                long since = board.changes();
                Optional<View> view = board.latest();
                if (view.isPresent() && view.get().failure() != null) {
                    throw view.get().exception();
                }
                if (view.isPresent() && view.get().contains(self)) {
                    return view.get();
                }
                long leftNanos = patience.toNanos() - (System.nanoTime() - startNanos);
                if (board.hasEnded() || leftNanos <= 0) {
                    throw notTaken(view, patience, leftNanos <= 0);
                }
                nap(since, leftNanos);
            }
        } finally {
            watch.pace(Watch.Pace.PAUSED);
            var unused = store.delete(prefix + Board.askKey(self.rank()));
        }
    }

    private CollectiveException notTaken(Optional<View> view, Duration patience, boolean late) {
        String state = view.isEmpty()
                ? "no such group is known"
                : "active ranks are " + view.get().active();
        return late
                ? failed(
                        Code.TIMED_OUT,
                        self.describe() + " asked to be taken in and was not within " + patience.toMillis() + " ms, "
                                + state + ". The active ranks take it in when all of them call readmit()",
                        null)
                : failed(Code.EXCLUDED, self.describe() + " asked to be taken in and the group has ended", null);
    }

    /** Returns who asks to be taken in and is not active; none when the store is silent. */
    List<Member> askers(View view, int size) throws CollectiveException {
        List<Member> asking = new ArrayList<>();
        try {
            for (int rank = 0; rank < size; rank++) {
                if (!view.active().contains(rank)) {
                    String key = prefix + Board.askKey(rank);
                    Optional<StoreValue> found = ask(() -> store.get(key));
                    found.ifPresent(
                            value -> asking.add(Member.decode(value.bytes().toBytes())));
                }
            }
        } catch (CollectiveException e) {
            if (e.code() != Code.UNREACHABLE) {
                throw e;
            }
            asking.clear();
        }
        return asking;
    }

    /**
     * Votes, and returns the view that follows: the one that the store took first.
     *
     * @param patience for votes of members that are not known to be lost
     * @throws CollectiveException EXCLUDED when this rank is none of its members; the view's failure when it has one; UNREACHABLE when
     *     the store is silent
     */
    View after(View current, Vote vote, Duration patience) throws CollectiveException {
        String key = Board.voteKey(current.generation() + 1, self.rank());
        claim(key, vote.encode());
        long startNanos = System.nanoTime();
        try {
            watch.pace(Watch.Pace.SOON);
            while (true) {
                long since = board.changes();
                requireOpen();
                Optional<View> seen = board.latest();
                if (seen.isPresent() && seen.get().generation() > current.generation()) {
                    return checked(seen.get());
                }
                if (board.hasEnded()) {
                    throw excluded("the group has ended");
                }
                long leftNanos = patience.toNanos() - (System.nanoTime() - startNanos);
                boolean counted = board.votes(current).stream()
                        .anyMatch(each -> each.member().equals(self));
                if (counted && (leftNanos <= 0 || board.isSettled(current))) {
                    propose(current);
                } else if (leftNanos + STORE_LIMIT.toNanos() <= 0) {
                    throw failed(Code.UNREACHABLE, "the store does not show this rank's vote", null);
                } else {
                    nap(since, leftNanos <= 0 ? MAX_NAP_NANOS : leftNanos);
                }
            }
        } finally {
            watch.pace(Watch.Pace.PAUSED);
            var unused = store.delete(prefix + key);
        }
    }

    private void propose(View current) throws CollectiveException {
        View next = new Succession(current, group, leastActive).after(board.votes(current), board.gone(current));
        replace(current, next);
    }

    /** Replaces a view by its successor, unless another successor was first; the board has whichever it is. */
    private void replace(View current, View next) throws CollectiveException {
        Store.Swap swap = ask(() -> store.compareAndSet(
                prefix + Board.viewKey(), Optional.of(Blob.of(current.encode())), Blob.of(next.encode())));
        if (swap.current().isEmpty()) {
            throw excluded("the group has ended");
        }
        swap.current().map(Agreement::view).ifPresent(board::offer);
    }

    private View checked(View view) throws CollectiveException {
        if (view.failure() != null) {
            throw view.exception();
        }
        if (!view.contains(self)) {
            throw excluded("the others went on as " + view.active() + " " + view.reason());
        }
        return view;
    }

    private CollectiveException excluded(String how) {
        return failed(
                Code.EXCLUDED,
                self.describe() + " is not active any more: " + how
                        + ". Close this communicator; to come back, rejoin while the active ranks call readmit()",
                null);
    }

    /** Makes every later agreement fail with this reason, on every rank; waits for the store for a bounded time. */
    void fail(View current, Code code, String reason) throws CollectiveException {
        View from = current;
        for (int attempt = 0; attempt <= Succession.MAX_STALLS; attempt++) {
            View failure = new View(
                    from.generation() + 1,
                    from.members(),
                    from.committed(),
                    from.admission(),
                    0,
                    code,
                    group + ": " + reason);
            replace(from, failure);
            from = board.latest().orElse(failure);
            if (from.failure() != null || !from.contains(self)) {
                return;
            }
        }
    }

    private void nap(long since, long limitNanos) throws CollectiveException {
        try {
            board.awaitChange(since, Math.min(limitNanos, MAX_NAP_NANOS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failed(Code.INTERRUPTED, self.describe() + " was interrupted while ranks agreed", e);
        }
    }

    private void requireOpen() throws CollectiveException {
        if (stopped) {
            throw failed(Code.CLOSED, "this rank's communicator was closed by this process", null);
        }
    }

    private void claim(String key, byte[] value) throws CollectiveException {
        Long unused = ask(() -> store.claim(prefix + key, Blob.of(value), owner));
    }

    /** Asks the store, again while it is silent, until the limit. All that is asked here may be repeated. */
    private <T> T ask(Supplier<CompletableFuture<T>> question) throws CollectiveException {
        long startNanos = System.nanoTime();
        long pauseNanos = TimeUnit.MILLISECONDS.toNanos(50);
        while (true) {
            long leftNanos = STORE_LIMIT.toNanos() - (System.nanoTime() - startNanos);
            requireOpen();
            try {
                return question.get().get(Math.max(1, leftNanos), TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw failed(Code.INTERRUPTED, self.describe() + " was interrupted while ranks agreed", e);
            } catch (TimeoutException e) {
                throw failed(Code.UNREACHABLE, "the store is silent for " + STORE_LIMIT.toMillis() + " ms", e);
            } catch (ExecutionException e) {
                boolean silent = e.getCause() instanceof TransferException cause
                        && (cause.code() == TransferException.Code.UNREACHABLE
                                || cause.code() == TransferException.Code.TIMED_OUT);
                if (!silent || leftNanos <= pauseNanos) {
                    Throwable cause = e.getCause() == null ? e : e.getCause();
                    throw failed(silent ? Code.UNREACHABLE : Code.REFUSED, String.valueOf(cause.getMessage()), cause);
                }
            }
            nap(board.changes(), pauseNanos);
            pauseNanos *= 2;
        }
    }

    private CollectiveException failed(Code code, String reason, @Nullable Throwable cause) {
        return new CollectiveException(code, group + ": " + reason, cause);
    }

    private static View view(StoreValue value) {
        return View.decode(value.bytes().toBytes());
    }

    /** Ends the waits of the rank's own thread. */
    void stop() {
        stopped = true;
        board.wake();
    }

    /** Says that this life of the rank takes part in nothing any more; nobody waits for it. */
    void depart() {
        var unused = store.delete(prefix + Board.rankKey(self));
    }

    /** Takes this rank's keys away, and all of the group's when no other member is left. Waits for two seconds at most. */
    void leave() {
        watch.close();
        // Deleted first and looked for then: of those that leave at once, the last one to delete finds nobody.
        CompletableFuture<Long> swept = store.delete(prefix + Board.rankKey(self))
                .thenCompose(gone -> store.get(prefix + Board.viewKey()))
                .thenCompose(value -> isAlone(value.map(Agreement::view)))
                .thenCompose(alone -> alone ? store.deletePrefix(prefix) : CompletableFuture.completedFuture(0L));
        try {
            Object unused = swept.get(LEAVE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            // The store is silent: what this process holds goes when the driver learns that it ended.
        }
    }

    private CompletableFuture<Boolean> isAlone(Optional<View> view) {
        boolean member = view.isPresent() && view.get().contains(self);
        CompletableFuture<Boolean> alone = CompletableFuture.completedFuture(member);
        for (Member other : view.map(View::members).orElse(List.of())) {
            if (member && !other.equals(self)) {
                alone = alone.thenCombine(
                        store.get(prefix + Board.rankKey(other)), (so, found) -> so && found.isEmpty());
            }
        }
        return alone;
    }
}
