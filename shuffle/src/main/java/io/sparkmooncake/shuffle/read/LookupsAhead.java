// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.shuffle.store.LeasedBlocks;
import io.sparkmooncake.shuffle.store.LookupFrame;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiPredicate;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The look-ups of an executor's reduce tasks. Tasks of one stage come in the order of partitions and ask the same peers for the
 * same map outputs, so the second of them asks for some partitions more, and those after it are answered without a message. Map
 * outputs never change under their map id, and an answer is kept together with its lease, so it stays true while it is kept.
 *
 * <p>Threading: safe from any thread.
 */
public final class LookupsAhead {
    private static final int MAX_PARTITIONS = 64;

    private final LongSupplier nanoClock;
    private final long idleNanos;

    @GuardedBy("this")
    private final Map<Key, Answered> latest = new HashMap<>();

    /**
     * Creates a place for answers.
     *
     * @param idle how long an answer is kept that no task asks for
     */
    public LookupsAhead(Duration idle, LongSupplier nanoClock) {
        this.idleNanos = idle.toNanos();
        this.nanoClock = nanoClock;
    }

    private record Key(int shuffleId, String executorId) {}

    /** What a peer answered. */
    private record Answer(Peer peer, LeasedBlocks<RegionDescriptor> found, LeaseKeeper.Lease lease) {
        boolean isStale() {
            return lease.isExpired() || peer.lost().isDone();
        }
    }

    /**
     * Looks blocks up. The future completes with the blocks of exactly this request and a lease that the caller closes, or fails
     * within the deadlines.
     */
    CompletableFuture<FetchEvents.LookedUp> ask(ReadEnvironment environment, PeerBlocks source, LookupRequest request) {
        Key key = new Key(request.shuffleId(), source.address().executorId());
        Answered answered;
        boolean mustAsk;
        synchronized (this) {
            Answered before = latest.get(key);
            mustAsk = before == null || !before.answers(request);
            answered = before == null || mustAsk ? new Answered(ahead(request, before)) : before;
            answered.users++;
            answered.usedNanos = nanoClock.getAsLong();
            if (mustAsk) {
                latest.put(key, answered);
                retire(before);
            }
        }
        if (mustAsk) {
            send(environment, key, answered);
        }
        return answered.answer.thenApply(answer -> new FetchEvents.LookedUp(
                source,
                answer.peer,
                new LeasedBlocks<>(
                        answer.found.leaseId(),
                        answer.found.regions(),
                        answer.found.table().between(request.startPartition(), request.endPartition())),
                new Share(answered, answer.lease)));
    }

    /** Asks for more than is wanted once two tasks in a row want the same map outputs. */
    private static LookupRequest ahead(LookupRequest request, @Nullable Answered before) {
        int maps = Math.max(1, request.mapIds().length);
        int partitions = Math.min(MAX_PARTITIONS, LookupRequest.BRIEF_PAIRS / maps);
        if (before == null
                || !before.asked.wantsMapsOf(request)
                || partitions <= request.endPartition() - request.startPartition()) {
            return request;
        }
        return new LookupRequest(
                request.shuffleId(),
                request.startPartition(),
                (int) Math.min(Integer.MAX_VALUE, (long) request.startPartition() + partitions),
                request.mapIds());
    }

    private void send(ReadEnvironment environment, Key key, Answered answered) {
        Duration timeout = environment.limits().timeout();
        var unused = environment
                .peers()
                .apply(key.executorId)
                .thenCompose(peer -> peer.ask(LookupRequest.SERVICE, LookupFrame.encode(answered.asked), timeout)
                        .thenApply(answer -> decode(environment, key, peer, answer)))
                .whenComplete((answer, failure) -> {
                    if (failure == null) {
                        answered.answer.complete(answer);
                    } else {
                        forget((asked, kept) -> kept == answered);
                        answered.answer.completeExceptionally(failure);
                    }
                });
    }

    private static Answer decode(ReadEnvironment environment, Key key, Peer peer, ByteBuffer answer) {
        try {
            LeasedBlocks<RegionDescriptor> found = LookupFrame.decodeAnswer(answer);
            LeaseKeeper.Owner owner = new RemoteOwner(environment, key.executorId);
            return new Answer(peer, found, environment.leases().hold(owner, found.leaseId()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Connects again where the connection that the lease came over is lost: the lease is the executor's, not its. */
    private record RemoteOwner(ReadEnvironment environment, String executorId) implements LeaseKeeper.Owner {
        @Override
        public CompletableFuture<Boolean> renew(long leaseId) {
            return tell(LookupRequest.RENEW_SERVICE, LookupFrame.leases(leaseId))
                    .thenApply(answer -> answer.get() == 1);
        }

        @Override
        public CompletableFuture<ByteBuffer> release(long[] leaseIds) {
            return tell(LookupRequest.RELEASE_SERVICE, LookupFrame.leases(leaseIds));
        }

        private CompletableFuture<ByteBuffer> tell(String service, ByteBuffer request) {
            Duration timeout = environment.limits().timeout();
            return environment.peers().apply(executorId).thenCompose(peer -> peer.ask(service, request, timeout));
        }
    }

    /** Keeps no answer about a shuffle any longer. Tasks that still read it keep theirs. */
    public void forget(int shuffleId) {
        forget((key, answered) -> key.shuffleId == shuffleId);
    }

    /** Keeps no answer that nobody asked for lately; call every few seconds. */
    public void trim() {
        long now = nanoClock.getAsLong();
        forget((key, answered) -> now - answered.usedNanos > idleNanos);
    }

    private synchronized void forget(BiPredicate<Key, Answered> which) {
        List<Answered> gone = new ArrayList<>();
        latest.entrySet().removeIf(entry -> which.test(entry.getKey(), entry.getValue()) && gone.add(entry.getValue()));
        gone.forEach(this::retire);
    }

    @GuardedBy("this")
    private void retire(@Nullable Answered answered) {
        if (answered != null) {
            answered.retired = true;
            releaseUnused(answered);
        }
    }

    private synchronized void leave(Answered answered) {
        answered.users--;
        releaseUnused(answered);
    }

    @GuardedBy("this")
    private void releaseUnused(Answered answered) {
        if (answered.retired && answered.users == 0) {
            var unused = answered.answer.thenAccept(answer -> answer.lease.close());
        }
    }

    /** One look-up that was sent, and how many tasks use its answer. The lock of the whole guards its fields. */
    private static final class Answered {
        private final LookupRequest asked;
        private final CompletableFuture<Answer> answer = new CompletableFuture<>();
        private int users;
        private long usedNanos;
        private boolean retired;

        Answered(LookupRequest asked) {
            this.asked = asked;
        }

        boolean answers(LookupRequest request) {
            return request.startPartition() >= asked.startPartition()
                    && request.endPartition() <= asked.endPartition()
                    && asked.wantsMapsOf(request)
                    && !isStale();
        }

        private boolean isStale() {
            Answer known = answer.isCompletedExceptionally() ? null : answer.getNow(null);
            return known == null ? answer.isDone() : known.isStale();
        }
    }

    /** One task's share of an answer's lease. */
    private final class Share implements ReadLease {
        private final Answered answered;
        private final LeaseKeeper.Lease lease;
        private final AtomicBoolean closed = new AtomicBoolean();

        Share(Answered answered, LeaseKeeper.Lease lease) {
            this.answered = answered;
            this.lease = lease;
        }

        @Override
        public boolean isExpired() {
            return lease.isExpired();
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                leave(answered);
            }
        }
    }
}
