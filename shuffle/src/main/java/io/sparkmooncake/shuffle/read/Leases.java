// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Renews the leases that this executor's tasks hold, well before their owners would end them; gathers releases for a moment, so
 * that many short tasks cost an owner few messages; and repeats releases that did not reach their owners.
 *
 * <p>Threading: safe from any thread; {@link #keep} is called by the executor's housekeeping thread.
 */
public final class Leases {
    /** The part of the timeout for which a look-up that was not answered may still reach its owner. */
    private static final int UNANSWERED_SHARE = 8;

    private final AtomicLong nextId = new AtomicLong(1);
    private final Set<Lease> held = ConcurrentHashMap.newKeySet();
    private final Set<Lease> unreleased = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean releaseIsDue = new AtomicBoolean();
    private final long timeoutNanos;
    private final LongSupplier nanoClock;
    private final Executor later;

    /**
     * Creates a keeper.
     *
     * @param timeout how long a lease lives from each renewal
     * @param later runs what it is given a moment later, or rejects it and it runs at once
     */
    public Leases(Duration timeout, LongSupplier nanoClock, Executor later) {
        this.timeoutNanos = timeout.toNanos();
        this.nanoClock = nanoClock;
        this.later = later;
    }

    /** Whose memory is leased. Neither call blocks. */
    interface Owner {
        /** Returns the executor: leases of one executor are released together. */
        String executorId();

        /** Returns whether it is this process, where a release costs no message and is made at once. */
        boolean isHere();

        /** Asks for more time; the answer has a byte for each lease, 1 when it lives and 0 when the owner has ended it. */
        CompletableFuture<ByteBuffer> renew(long[] leaseIds);

        /** Ends leases; repeated until it succeeds or the owner has ended them itself. */
        CompletableFuture<?> release(long[] leaseIds);
    }

    /** Returns a number for a lease that is asked for, unique among those of this executor. */
    long newId() {
        return nextId.getAndIncrement();
    }

    /**
     * Releases a lease that was asked for, if the owner has granted it: the answer was lost with its connection. The request may
     * still be on its way, so this is repeated for a while.
     */
    void releaseUnanswered(Owner owner, long leaseId) {
        unreleased.add(new Lease(owner, leaseId, nanoClock.getAsLong() + timeoutNanos / UNANSWERED_SHARE));
        releaseSoon();
    }

    /** Keeps a lease until it is closed. Lease 0 holds nothing, is never renewed and never expires. */
    FoundBlocks.Claim hold(Owner owner, long leaseId) {
        if (leaseId == 0) {
            return new NoLease();
        }
        Lease lease = new Lease(owner, leaseId, nanoClock.getAsLong());
        held.add(lease);
        return lease;
    }

    /**
     * Renews what was not renewed for a third of the timeout, with one message to each owner, and releases what was not released
     * yet; call several times per lease timeout.
     */
    public void keep() {
        Map<String, List<Lease>> byOwner = new HashMap<>();
        long now = nanoClock.getAsLong();
        for (Lease lease : held) {
            if (now - lease.renewedNanos >= timeoutNanos / 3 && lease.renewing.compareAndSet(false, true)) {
                byOwner.computeIfAbsent(lease.owner.executorId(), id -> new ArrayList<>())
                        .add(lease);
            }
        }
        byOwner.values().forEach(leases -> renew(leases, now));
        release();
    }

    private static void renew(List<Lease> leases, long askedNanos) {
        var unused = leases.get(0).owner.renew(ids(leases)).whenComplete((answer, failure) -> {
            for (int i = 0; i < leases.size(); i++) {
                Lease lease = leases.get(i);
                if (failure == null && i < answer.remaining()) {
                    lease.renewed(answer.get(answer.position() + i), askedNanos);
                }
                lease.renewing.set(false);
            }
        });
    }

    private static long[] ids(List<Lease> leases) {
        return leases.stream().mapToLong(lease -> lease.id).toArray();
    }

    /** Returns the number of leases held. */
    public int held() {
        return held.size();
    }

    /** Returns the number of leases that tasks have closed and whose owners do not know it yet. */
    public int unreleased() {
        return unreleased.size();
    }

    private void releaseSoon() {
        if (releaseIsDue.compareAndSet(false, true)) {
            try {
                later.execute(this::release);
            } catch (RejectedExecutionException e) {
                release();
            }
        }
    }

    private void release() {
        releaseIsDue.set(false);
        unreleased.removeIf(Lease::isExpired);
        Map<String, List<Lease>> byOwner = new HashMap<>();
        for (Lease lease : unreleased) {
            if (lease.releasing.compareAndSet(false, true)) {
                byOwner.computeIfAbsent(lease.owner.executorId(), id -> new ArrayList<>())
                        .add(lease);
            }
        }
        byOwner.values().forEach(this::release);
    }

    private void release(List<Lease> leases) {
        var unused = leases.get(0).owner.release(ids(leases)).whenComplete((answer, failure) -> {
            if (failure == null) {
                long now = nanoClock.getAsLong();
                leases.stream().filter(lease -> now - lease.knownNanos >= 0).forEach(unreleased::remove);
            }
            leases.forEach(lease -> lease.releasing.set(false));
        });
    }

    /** One lease. Closing it releases it once. */
    private final class Lease implements FoundBlocks.Claim {
        private final Owner owner;
        private final long id;

        /** When its owner has granted it, if it ever does. */
        private final long knownNanos;

        private final AtomicBoolean renewing = new AtomicBoolean();
        private final AtomicBoolean releasing = new AtomicBoolean();
        private volatile long renewedNanos = nanoClock.getAsLong();
        private volatile boolean refused;

        private Lease(Owner owner, long id, long knownNanos) {
            this.owner = owner;
            this.id = id;
            this.knownNanos = knownNanos;
        }

        private void renewed(byte lives, long askedNanos) {
            if (lives == 1) {
                renewedNanos = askedNanos;
            } else {
                refused = true;
            }
        }

        @Override
        public boolean isExpired() {
            return refused || nanoClock.getAsLong() - renewedNanos > timeoutNanos;
        }

        @Override
        public void close() {
            if (held.remove(this)) {
                unreleased.add(this);
                if (owner.isHere() && releasing.compareAndSet(false, true)) {
                    Leases.this.release(List.of(this));
                } else {
                    releaseSoon();
                }
            }
        }
    }

    private static final class NoLease implements FoundBlocks.Claim {
        @Override
        public boolean isExpired() {
            return false;
        }

        @Override
        public void close() {}
    }
}
