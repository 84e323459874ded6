// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.agent.Countdown;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.Change;
import io.sparkmooncake.transfer.store.Owner;
import io.sparkmooncake.transfer.store.Store;
import io.sparkmooncake.transfer.store.Watch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Peers by name. Publishes this process, learns of the others from the store, and connects them when they are first asked
 * for.
 *
 * <p>The store is looked at quickly while somebody waits for a name or for a peer that does not answer at once, every five
 * seconds while anybody is connected, and not at all otherwise. What the store says was removed fails every caller that waits
 * for it, at once and with the store's reason, and ends the connection to it.
 *
 * <p>Threading: safe from any thread, nothing blocks but {@link #close}. State belongs to the engine's agent, where futures
 * complete: what hangs on them must not block.
 */
public final class PeerDirectory implements AutoCloseable {
    /** Where records are in the store: {@code peers/<name>}, encoded as {@link PeerRecord#encode}. */
    public static final String PREFIX = "peers/";

    private static final int MAX_REMOVED = 16_384;

    /** After which a peer that has not answered may have ended. */
    private static final Duration NO_ANSWER = Duration.ofMillis(100);

    private static final Duration FIRST_RETRY = Duration.ofMillis(50);
    private static final Duration LEAVE_TIMEOUT = Duration.ofSeconds(2);

    private final LocalEngine engine;
    private final Agent agent;
    private final Store store;
    private final Owner owner;
    private final Duration timeout;
    private final Watch watch;
    private final Map<String, PeerRecord> known = new ConcurrentHashMap<>();
    private final LinkedHashMap<String, String> removed = new LinkedHashMap<>();
    private final Map<String, List<Waiter>> waiters = new HashMap<>();
    private final Set<Life> inUse = new HashSet<>();

    /** Peers being connected that have not answered yet: their processes may have ended. */
    private final Set<Life> unanswered = new HashSet<>();

    private final AtomicBoolean closing = new AtomicBoolean();

    private PeerDirectory(LocalEngine engine, Store store) {
        this.engine = engine;
        this.agent = engine.agent();
        this.store = store;
        PeerRecord self = engine.self();
        this.owner = new Owner(self.name(), self.epoch(), self.host() + ":" + self.port());
        this.timeout = engine.settings().connectTimeout();
        this.watch = store.watch(PREFIX, seen -> agent.execute(() -> changed(seen)));
    }

    /**
     * Publishes this process's record; its listener answers, as the engine started. The future fails as REFUSED, naming both, when
     * a live process holds the name; within the connect deadline when the store cannot be asked.
     *
     * @param engine that runs
     * @param store of this application, in a namespace of its own
     */
    public static CompletableFuture<PeerDirectory> join(LocalEngine engine, Store store) {
        PeerDirectory directory = new PeerDirectory(engine, store);
        CompletableFuture<PeerDirectory> joined = new CompletableFuture<>();
        long deadlineNanos = directory.agent.nanoTime() + directory.timeout.toNanos();
        directory.publish(joined, deadlineNanos, FIRST_RETRY);
        return joined;
    }

    /** Returns what is known of a peer now, without asking. */
    public Optional<PeerRecord> find(String name) {
        return Optional.ofNullable(known.get(name));
    }

    /** Returns every peer known now, this process included once it has read its own record. */
    public Map<String, PeerRecord> known() {
        return Map.copyOf(known);
    }

    /**
     * Returns the peer of that name: waits for its record, then connects; each has the connect deadline. Callers share the
     * wait and the attempt. The future fails with {@link TransferException} and the table of causes: PEER_GONE at once when
     * the store says that the peer was removed.
     */
    public CompletableFuture<Peer> peer(String name) {
        return find(name)
                .flatMap(engine::connected)
                .map(CompletableFuture::completedFuture)
                .orElseGet(() -> Settled.one(attempts(List.of(name)).get(0), agent, timeout));
    }

    /** As {@link #peer}, for many at once: all of them in order, or one table with a row for each that is missing. */
    public CompletableFuture<List<Peer>> peers(Collection<String> names) {
        return Settled.all(attempts(names), agent, timeout);
    }

    /** Waits for the records of these peers without connecting: all of them in order, or one table as {@link #peers}. */
    public CompletableFuture<List<PeerRecord>> records(Collection<String> names) {
        return Settled.all(recordsOf(names), agent, timeout);
    }

    /** Takes this process's record out of the store and fails whoever waits. The engine stays. */
    @Override
    public void close() {
        if (!closing.compareAndSet(false, true)) {
            return;
        }
        watch.close();
        tell(() -> List.copyOf(waiters.keySet()).forEach(name -> fail(name, Code.CLOSED, "this directory was closed")));
        try {
            store.leave(owner, owner.name() + " ended").get(LEAVE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            // The driver is gone or slow. It learns from its own events that this process ended.
        }
    }

    private void publish(CompletableFuture<PeerDirectory> joined, long deadlineNanos, Duration retry) {
        Blob record = Blob.of(engine.self().encode());
        var unused = store.claim(PREFIX + owner.name(), record, owner).whenComplete((version, failure) -> {
            if (failure == null) {
                joined.complete(this);
                return;
            }
            TransferException cause = unwrap(failure);
            boolean again = cause.code() == Code.UNREACHABLE || cause.code() == Code.TIMED_OUT;
            if (again && agent.nanoTime() + retry.toNanos() < deadlineNanos) {
                agent.after(retry, () -> publish(joined, deadlineNanos, retry.multipliedBy(2)));
            } else {
                joined.completeExceptionally(cause);
            }
        });
    }

    private List<CompletableFuture<Settled<Peer>>> attempts(Collection<String> names) {
        return recordsOf(names).stream().map(this::attempt).toList();
    }

    private CompletableFuture<Settled<Peer>> attempt(CompletableFuture<Settled<PeerRecord>> record) {
        CompletableFuture<Settled<Peer>> attempt = new CompletableFuture<>();
        var unused = record.thenAccept(settled -> settled.fold(
                found -> tell(() -> connect(found, attempt)) || attempt.complete(closed(found.name())),
                cause -> attempt.complete(new Settled.Missed<>(cause))));
        return attempt;
    }

    private List<CompletableFuture<Settled<PeerRecord>>> recordsOf(Collection<String> names) {
        Call call = new Call(agent.nanoTime(), watch.looks().count());
        List<Waiter> asked = names.stream().map(name -> new Waiter(name, call)).toList();
        if (!tell(() -> begin(call, asked))) {
            asked.forEach(waiter -> waiter.attempt.complete(closed(waiter.name)));
        }
        return asked.stream().map(Waiter::attempt).toList();
    }

    private static <T> Settled<T> closed(String name) {
        return missed(name, Code.CLOSED, "this process is closing", Duration.ZERO);
    }

    private void begin(Call call, List<Waiter> asked) {
        List<Waiter> waiting =
                asked.stream().filter(waiter -> !answerNow(waiter)).toList();
        if (waiting.isEmpty()) {
            return;
        }
        for (Waiter waiter : waiting) {
            waiters.computeIfAbsent(waiter.name, name -> new ArrayList<>(1)).add(waiter);
        }
        call.left = waiting.size();
        call.deadline = Countdown.start(agent, timeout, () -> waiting.forEach(this::expire));
        watch.pace(Watch.Pace.SOON);
    }

    private boolean answerNow(Waiter waiter) {
        PeerRecord record = known.get(waiter.name);
        String reason = removed.get(waiter.name);
        if (closing.get()) {
            return waiter.attempt.complete(closed(waiter.name));
        }
        if (record != null) {
            return waiter.attempt.complete(new Settled.Reached<>(record));
        }
        if (reason != null) {
            // Should a new life of that name have come meanwhile, the next one who asks will know of it.
            watch.pace(Watch.Pace.SOON);
            setPace();
            String text = waiter.name + " was removed: " + reason;
            return waiter.attempt.complete(missed(waiter.name, Code.PEER_GONE, text, Duration.ZERO));
        }
        return false;
    }

    private void connect(PeerRecord record, CompletableFuture<Settled<Peer>> attempt) {
        Life life = Life.of(record);
        inUse.add(life);
        setPace();
        Agent.Alarm noAnswer = agent.after(NO_ANSWER, () -> {
            unanswered.add(life);
            watch.pace(Watch.Pace.SOON);
        });
        Following.onAgent(agent, engine.attempt(record), (settled, never) -> {
            noAnswer.cancel();
            if (unanswered.remove(life)) {
                setPace();
            }
            Settled<Peer> known = Objects.requireNonNull(settled, "attempts do not fail");
            known.fold(peer -> peer.lost().thenRunAsync(() -> release(life), agent), cause -> {
                if (cause.code() == Code.PEER_LOST) {
                    watch.pace(Watch.Pace.SOON); // another process is at its address: its record may be old
                }
                release(life);
                return null;
            });
            attempt.complete(known);
        });
    }

    private void release(Life life) {
        inUse.remove(life);
        setPace();
    }

    private void setPace() {
        if (waiters.isEmpty() && unanswered.isEmpty()) {
            watch.pace(inUse.isEmpty() ? Watch.Pace.PAUSED : Watch.Pace.SLOW);
        }
    }

    private void changed(Watch.Changes seen) {
        Set<String> unseen = new HashSet<>(seen.snapshot() ? known.keySet() : Set.of());
        for (Change change : seen.changes()) {
            String name = change.key().substring(PREFIX.length());
            unseen.remove(name);
            change.fold(
                    present -> {
                        published(name, present.value().bytes());
                        return name;
                    },
                    gone -> {
                        gone(name, gone.reason());
                        return name;
                    });
        }
        unseen.forEach(name -> gone(name, "the store does not know it any more"));
        setPace();
    }

    private void published(String name, Blob bytes) {
        PeerRecord record;
        try {
            record = PeerRecord.decode(bytes.toBytes());
        } catch (TransferException e) {
            fail(name, e.code(), String.valueOf(e.getMessage()));
            return;
        }
        removed.remove(name);
        PeerRecord before = known.put(name, record);
        if (before != null && before.epoch() != record.epoch()) {
            engine.peerLost(name, before.epoch(), "a new life of " + name + " took its place");
        }
        List<Waiter> waiting = waiters.remove(name);
        if (waiting != null) {
            waiting.forEach(waiter -> waiter.settle(new Settled.Reached<>(record)));
        }
    }

    private void gone(String name, String reason) {
        PeerRecord before = known.remove(name);
        removed.put(name, reason);
        if (removed.size() > MAX_REMOVED) {
            removed.remove(removed.keySet().iterator().next());
        }
        String text = name + " was removed: " + reason;
        if (before != null && before.epoch() != owner.epoch()) {
            engine.peerLost(name, before.epoch(), text);
        }
        fail(name, Code.PEER_GONE, text);
    }

    private void fail(String name, Code code, String reason) {
        List<Waiter> waiting = waiters.remove(name);
        if (waiting != null) {
            waiting.forEach(waiter -> waiter.settle(missed(name, code, reason, waited(waiter))));
        }
    }

    private void expire(Waiter waiter) {
        List<Waiter> waiting = waiters.get(waiter.name);
        if (waiting == null || !waiting.remove(waiter)) {
            return;
        }
        Watch.Looks looks = watch.looks();
        long count = looks.count() - waiter.call.startLooks;
        waiter.settle(missed(
                waiter.name,
                Code.TIMED_OUT,
                "no record in the store, look-ups=" + count + ", their last error: " + looks.lastError(),
                waited(waiter)));
        if (waiting.isEmpty()) {
            waiters.remove(waiter.name);
            setPace();
        }
    }

    private Duration waited(Waiter waiter) {
        return Duration.ofNanos(agent.nanoTime() - waiter.call.startNanos);
    }

    private static <T> Settled<T> missed(String name, Code code, String error, Duration waited) {
        return new Settled.Missed<>(new Cause(
                code,
                name,
                "address unknown",
                ConnectionState.WAITING_STORE,
                "waiting for its record",
                waited,
                List.of(),
                error));
    }

    private boolean tell(Runnable action) {
        try {
            agent.execute(action);
            return true;
        } catch (RejectedExecutionException e) {
            return false;
        }
    }

    private static TransferException unwrap(@Nullable Throwable failure) {
        return Objects.requireNonNull(Following.asTransferException(failure), "a failure");
    }

    /** One call for one or many names, and the one deadline of all of them. */
    private static final class Call {
        private final long startNanos;
        private final long startLooks;
        private int left;
        private Agent.@Nullable Alarm deadline;

        Call(long startNanos, long startLooks) {
            this.startNanos = startNanos;
            this.startLooks = startLooks;
        }
    }

    /** One name that a call waits for. Equal by identity: two calls may wait for one name. */
    private static final class Waiter {
        private final String name;
        private final Call call;
        private final CompletableFuture<Settled<PeerRecord>> attempt = new CompletableFuture<>();

        Waiter(String name, Call call) {
            this.name = name;
            this.call = call;
        }

        CompletableFuture<Settled<PeerRecord>> attempt() {
            return attempt;
        }

        void settle(Settled<PeerRecord> settled) {
            attempt.complete(settled);
            if (--call.left == 0 && call.deadline != null) {
                call.deadline.cancel();
            }
        }
    }
}
