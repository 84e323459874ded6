// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Agent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Looks into the store for everybody in this process who waits: one look-up for all of them, again and again while somebody
 * waits, at intervals that double from 8 ms to 1,024 ms and start again when something changed, and never at shorter ones
 * than the host asked for.
 *
 * <p>Threading: state is the agent's; {@link #await}, {@link #watch} and {@link #close} may be called from any thread.
 */
final class StorePoller {
    static final int MIN_DELAY_MILLIS = HostedStore.MIN_PACE_MILLIS;
    static final int MAX_DELAY_MILLIS = 1_024;
    static final int SLOW_DELAY_MILLIS = 5_000;

    private final Agent agent;
    private final Function<StoreRequest, CompletableFuture<StoreReply.Paced>> exchange;
    private final List<Subscription> subscriptions = new ArrayList<>();
    private final Map<String, KeyWait> waits = new HashMap<>();
    private boolean asking;
    private boolean closed;
    private Agent.@Nullable Alarm next;
    private int floorMillis = MIN_DELAY_MILLIS;
    private int backOffMillis = MIN_DELAY_MILLIS;
    private long lastAskNanos;
    private volatile Watch.Looks looks = new Watch.Looks(0, "none");

    StorePoller(Agent agent, Function<StoreRequest, CompletableFuture<StoreReply.Paced>> exchange) {
        this.agent = agent;
        this.exchange = exchange;
    }

    Watch watch(String prefix, Watch.Watcher watcher) {
        Subscription subscription = new Subscription(Look.Scope.PREFIX, prefix, watcher);
        tell(() -> subscriptions.add(subscription));
        return subscription;
    }

    CompletableFuture<StoreValue> await(String key, Duration timeout) {
        CompletableFuture<StoreValue> future = new CompletableFuture<>();
        if (!tell(() -> begin(key, timeout, future))) {
            future.completeExceptionally(closed());
        }
        return future;
    }

    void close() {
        tell(() -> {
            closed = true;
            cancelNext();
            List.copyOf(waits.values()).forEach(wait -> wait.fail(closed()));
            subscriptions.clear();
        });
    }

    private boolean tell(Runnable action) {
        try {
            agent.execute(action);
            return true;
        } catch (RejectedExecutionException e) {
            return false;
        }
    }

    private void begin(String key, Duration timeout, CompletableFuture<StoreValue> future) {
        if (closed) {
            future.completeExceptionally(closed());
            return;
        }
        KeyWait wait = waits.computeIfAbsent(key, KeyWait::new);
        wait.add(timeout, future);
        wake();
    }

    /** Looks now, or as soon as the host's pace allows, and starts the back-off again. */
    private void wake() {
        backOffMillis = floorMillis;
        if (!asking) {
            long sinceMillis = (agent.nanoTime() - lastAskNanos) / 1_000_000;
            schedule(looks.count() == 0 ? 0 : Math.max(0, floorMillis - sinceMillis));
        }
    }

    private void schedule(long delayMillis) {
        cancelNext();
        if (closed || subscriptions.stream().noneMatch(Subscription::isActive)) {
            return;
        }
        if (delayMillis == 0) {
            look();
        } else {
            next = agent.after(Duration.ofMillis(delayMillis), this::look);
        }
    }

    private void cancelNext() {
        if (next != null) {
            next.cancel();
            next = null;
        }
    }

    private void look() {
        List<Subscription> asked =
                subscriptions.stream().filter(Subscription::isActive).toList();
        if (asking || closed || asked.isEmpty()) {
            return;
        }
        asking = true;
        looks = new Watch.Looks(looks.count() + 1, looks.lastError());
        lastAskNanos = agent.nanoTime();
        StoreRequest.Poll request =
                new StoreRequest.Poll(asked.stream().map(Subscription::query).toList());
        var unused =
                exchange.apply(request).whenComplete((paced, failure) -> tell(() -> answered(asked, paced, failure)));
    }

    private void answered(List<Subscription> asked, StoreReply.@Nullable Paced paced, @Nullable Throwable failure) {
        asking = false;
        boolean more = false;
        boolean changed = false;
        if (paced != null
                && paced.reply() instanceof StoreReply.Looked looked
                && looked.answers().size() == asked.size()) {
            floorMillis = Math.max(MIN_DELAY_MILLIS, Math.min(MAX_DELAY_MILLIS, paced.paceMillis()));
            looks = new Watch.Looks(looks.count(), "none");
            for (int i = 0; i < asked.size(); i++) {
                Look.Answer answer = looked.answers().get(i);
                more |= answer.more();
                changed |= !answer.changes().isEmpty();
                asked.get(i).take(answer);
            }
        } else {
            String error = failure == null ? "unexpected reply " + paced : String.valueOf(failure.getMessage());
            looks = new Watch.Looks(looks.count(), error);
        }
        if (more) {
            schedule(0);
            return;
        }
        boolean soon = subscriptions.stream().anyMatch(subscription -> subscription.pace == Watch.Pace.SOON);
        if (changed) {
            backOffMillis = floorMillis;
        }
        int delayMillis = Math.max(floorMillis, backOffMillis);
        backOffMillis = Math.min(MAX_DELAY_MILLIS, delayMillis * 2);
        schedule(soon ? delayMillis : SLOW_DELAY_MILLIS);
    }

    private static TransferException closed() {
        return new TransferException(Code.CLOSED, "the store's client was closed in this process");
    }

    /** A key or prefix that is looked at, and how far it was read. */
    private final class Subscription implements Watch {
        private final Look.Scope scope;
        private final String text;
        private final Watcher watcher;
        private final LinkedHashMap<String, Change> pages = new LinkedHashMap<>();
        private boolean snapshot;
        private Look.Cursor cursor = Look.Cursor.START;
        private Pace pace = Pace.PAUSED;

        Subscription(Look.Scope scope, String text, Watcher watcher) {
            this.scope = scope;
            this.text = text;
            this.watcher = watcher;
        }

        Look.Query query() {
            return new Look.Query(scope, text, cursor);
        }

        boolean isActive() {
            return pace != Pace.PAUSED;
        }

        @Override
        public void pace(Pace newPace) {
            tell(() -> {
                boolean raised = newPace == Pace.SOON || (newPace == Pace.SLOW && pace == Pace.PAUSED);
                pace = newPace;
                if (raised) {
                    wake();
                }
            });
        }

        @Override
        public Looks looks() {
            return looks;
        }

        @Override
        public void close() {
            tell(() -> subscriptions.remove(this));
        }

        void take(Look.Answer answer) {
            cursor = answer.cursor();
            if (answer.snapshot()) {
                pages.clear();
                snapshot = true;
            }
            for (Change change : answer.changes()) {
                pages.remove(change.key());
                pages.put(change.key(), change);
            }
            if (answer.more() || (pages.isEmpty() && !snapshot)) {
                return;
            }
            Changes changes = new Changes(snapshot, cursor.readVersion(), List.copyOf(pages.values()));
            pages.clear();
            snapshot = false;
            tell(() -> {
                if (subscriptions.contains(this)) {
                    watcher.changed(changes);
                }
            });
        }
    }

    /** All who wait for one key. */
    private final class KeyWait {
        private final String key;
        private final Subscription subscription;
        private final List<Waiter> waiters = new ArrayList<>();

        KeyWait(String key) {
            this.key = key;
            this.subscription = new Subscription(Look.Scope.KEY, key, this::changed);
            subscription.pace = Watch.Pace.SOON;
            subscriptions.add(subscription);
        }

        void add(Duration timeout, CompletableFuture<StoreValue> future) {
            Waiter waiter = new Waiter(future, agent.nanoTime(), looks.count());
            waiters.add(waiter);
            Agent.Alarm deadline = agent.after(timeout, () -> expire(waiter));
            var unused = future.whenComplete((value, failure) -> deadline.cancel());
        }

        private void changed(Watch.Changes changes) {
            for (Change change : changes.changes()) {
                change.fold(
                        present -> {
                            waiters.forEach(waiter -> waiter.future.complete(present.value()));
                            return end();
                        },
                        removed -> removed.cause() == Change.Cause.OWNER_GONE
                                ? fail(new TransferException(
                                        Code.PEER_GONE,
                                        "key=" + key + " was removed with its owner: " + removed.reason()))
                                : this);
            }
        }

        KeyWait fail(TransferException failure) {
            waiters.forEach(waiter -> waiter.future.completeExceptionally(failure));
            return end();
        }

        private KeyWait end() {
            waits.remove(key, this);
            subscriptions.remove(subscription);
            return this;
        }

        private void expire(Waiter waiter) {
            double seconds = (agent.nanoTime() - waiter.startNanos) / 1e9;
            waiter.future.completeExceptionally(new TransferException(
                    Code.TIMED_OUT,
                    String.format(
                            Locale.ROOT,
                            "key=%s did not appear in the store within %.1f s, look-ups=%d, last error: %s. Check that the"
                                    + " process that writes it is running, and its log for the reason why it has not",
                            key,
                            seconds,
                            looks.count() - waiter.startLooks,
                            looks.lastError())));
            waiters.remove(waiter);
            if (waiters.isEmpty()) {
                end();
            }
        }
    }

    private record Waiter(CompletableFuture<StoreValue> future, long startNanos, long startLooks) {}
}
