// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.shuffle.read.FoundBlocks.Claim;
import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.shuffle.store.LeasedBlocks;
import io.sparkmooncake.shuffle.store.LookupFrame;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.memory.HostRegion;
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
public final class Lookups {
    private static final int MAX_PARTITIONS = 64;

    private final BlockOwners owners;
    private final Leases leases;
    private final LongSupplier nanoClock;
    private final long idleNanos;

    @GuardedBy("this")
    private final Map<Key, Answered> latest = new HashMap<>();

    /**
     * Creates a place for answers.
     *
     * @param owners of blocks
     * @param leases keeps the leases of answers alive
     * @param idle how long an answer is kept that no task asks for
     */
    public Lookups(BlockOwners owners, Leases leases, Duration idle, LongSupplier nanoClock) {
        this.owners = owners;
        this.leases = leases;
        this.idleNanos = idle.toNanos();
        this.nanoClock = nanoClock;
    }

    /** Returns the owners of blocks. */
    BlockOwners owners() {
        return owners;
    }

    /** Finds blocks of this executor. */
    FoundBlocks here(PeerBlocks source, LookupRequest request) {
        LeasedBlocks<HostRegion> found = owners.lookUpHere(request);
        return FoundBlocks.here(source, found, hold(source.executorId(), found.leaseId()));
    }

    private Claim hold(String executorId, long leaseId) {
        return leases.hold(owners.leaseOwner(executorId), leaseId);
    }

    private record Key(int shuffleId, String executorId) {}

    /** What a peer answered. */
    private record Answer(Peer peer, LeasedBlocks<RegionDescriptor> found, Claim lease) {
        boolean isStale() {
            return lease.isExpired() || peer.isLost();
        }

        /** Returns whether it covers at least the first wanted partition, of at least the first wanted map output. */
        boolean coversSomeOf(LookupRequest request) {
            return found.table().endPartition() >= Math.min(request.startPartition() + 1, request.endPartition());
        }
    }

    /**
     * Looks blocks up. The future completes with the blocks of exactly this request, or of the first part of it if the answer would
     * be too long, and a lease that the caller closes; or it fails within the deadlines. The source of what was found says what
     * that is.
     */
    CompletableFuture<FoundBlocks> ask(PeerBlocks source, LookupRequest request) {
        Key key = new Key(request.shuffleId(), source.executorId());
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
            send(key, answered);
        }
        return answered.answer.thenCompose(answer -> {
            Claim share = new Share(answered, answer.lease);
            if (answer.coversSomeOf(request)) {
                return CompletableFuture.completedFuture(found(source, request, answer, share));
            }
            share.close();
            return ask(source, request);
        });
    }

    private static FoundBlocks found(PeerBlocks source, LookupRequest request, Answer answer, Claim share) {
        boolean found = false;
        try {
            BlockTable table = answer.found.table().between(request.startPartition(), request.endPartition());
            PeerBlocks covered = request.isCoveredBy(table) ? source : source.coveredBy(table);
            FoundBlocks blocks = FoundBlocks.at(answer.peer, covered, table, answer.found.regions(), share);
            found = true;
            return blocks;
        } finally {
            if (!found) {
                share.close();
            }
        }
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

    private void send(Key key, Answered answered) {
        long leaseId = leases.newId();
        var unused = owners.connect(key.executorId)
                .thenCompose(peer -> owners.lookUp(peer, answered.asked.withLease(leaseId))
                        .whenComplete((answer, failure) -> {
                            if (failure != null && BlockOwners.mayHaveArrived(failure)) {
                                leases.releaseUnanswered(owners.leaseOwner(key.executorId), leaseId);
                            }
                        })
                        .thenApply(answer -> decode(key, answered.asked, peer, answer)))
                .whenComplete((answer, failure) -> {
                    if (failure == null) {
                        answered.answer.complete(answer);
                    } else {
                        forget((asked, kept) -> kept == answered);
                        answered.answer.completeExceptionally(failure);
                    }
                });
    }

    private Answer decode(Key key, LookupRequest asked, Peer peer, ByteBuffer answer) {
        try {
            LeasedBlocks<RegionDescriptor> found = LookupFrame.decodeAnswer(answer);
            Claim lease = hold(key.executorId, found.leaseId());
            boolean right = false;
            try {
                requireFirstOf(asked, found.table());
                right = true;
            } finally {
                if (!right) {
                    lease.close();
                }
            }
            return new Answer(peer, found, lease);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Checks that the answer covers the first part of the request, and some of it: a task asks for the rest until all is there. */
    private static void requireFirstOf(LookupRequest asked, BlockTable table) throws IOException {
        int maps = asked.mapIds().length;
        boolean allPartitions = table.endPartition() == asked.endPartition();
        boolean somePartitions = table.maps() == 1
                && table.endPartition() > asked.startPartition()
                && table.endPartition() < asked.endPartition();
        if (table.maps() > maps || (table.maps() == 0 && maps > 0) || !(allPartitions || somePartitions)) {
            throw new IOException("the answer covers maps=" + table.maps() + " end partition=" + table.endPartition()
                    + " of a look-up of maps=" + maps + " partitions=" + asked.startPartition() + "-"
                    + asked.endPartition());
        }
    }

    /** Drops the answers about a shuffle. Tasks that still read it keep theirs. */
    public void forget(int shuffleId) {
        forget((key, answered) -> key.shuffleId == shuffleId);
    }

    /** Drops answers that no task asked for lately; call every few seconds. */
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

    /** One look-up that was sent, and how many tasks use its answer. Guarded by the enclosing look-ups. */
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
                    && mayAnswer(request);
        }

        private boolean mayAnswer(LookupRequest request) {
            Answer known = answer.isCompletedExceptionally() ? null : answer.getNow(null);
            return known == null ? !answer.isDone() : !known.isStale() && known.coversSomeOf(request);
        }
    }

    /** One task's share of an answer's lease. */
    private final class Share implements Claim {
        private final Answered answered;
        private final Claim lease;
        private final AtomicBoolean closed = new AtomicBoolean();

        Share(Answered answered, Claim lease) {
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
