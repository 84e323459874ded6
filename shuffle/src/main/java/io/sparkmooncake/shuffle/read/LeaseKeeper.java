// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

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
import java.util.function.LongSupplier;

/**
 * Renews the leases that this executor's tasks hold, well before their owners would end them; gathers releases for a moment, so
 * that many short tasks cost an owner few messages; and repeats releases that did not reach their owners.
 *
 * <p>Threading: safe from any thread; {@link #keep} is called by the executor's housekeeping thread.
 */
public final class LeaseKeeper {
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
    public LeaseKeeper(Duration timeout, LongSupplier nanoClock, Executor later) {
        this.timeoutNanos = timeout.toNanos();
        this.nanoClock = nanoClock;
        this.later = later;
    }

    /** Whose memory is leased. Neither call blocks. */
    interface Owner {
        /** Returns the executor: leases of one executor are released together. */
        String executorId();

        /** Asks for more time; false when it has ended the lease. */
        CompletableFuture<Boolean> renew(long leaseId);

        /** Tells that leases are over; repeated until it succeeds or the owner has ended them itself. */
        CompletableFuture<?> release(long[] leaseIds);
    }

    /** Keeps a lease until it is closed. */
    Lease hold(Owner owner, long leaseId) {
        Lease lease = new Lease(owner, leaseId);
        held.add(lease);
        return lease;
    }

    /** Renews what is held and releases what was not released yet; call at least three times per lease timeout. */
    public void keep() {
        held.forEach(Lease::renew);
        release();
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
        long[] ids = leases.stream().mapToLong(lease -> lease.id).toArray();
        var unused = leases.get(0).owner.release(ids).whenComplete((answer, failure) -> {
            if (failure == null) {
                leases.forEach(unreleased::remove);
            }
            leases.forEach(lease -> lease.releasing.set(false));
        });
    }

    /** One lease of one task. Closing it releases it once. */
    final class Lease implements ReadLease {
        private final Owner owner;
        private final long id;
        private final AtomicBoolean releasing = new AtomicBoolean();
        private volatile long renewedNanos = nanoClock.getAsLong();
        private volatile boolean refused;

        private Lease(Owner owner, long id) {
            this.owner = owner;
            this.id = id;
        }

        private void renew() {
            long asked = nanoClock.getAsLong();
            var unused = owner.renew(id).whenComplete((renewed, failure) -> {
                if (failure == null && renewed) {
                    renewedNanos = asked;
                } else if (failure == null) {
                    refused = true;
                }
            });
        }

        @Override
        public boolean isExpired() {
            return refused || nanoClock.getAsLong() - renewedNanos > timeoutNanos;
        }

        @Override
        public void close() {
            if (held.remove(this)) {
                unreleased.add(this);
                releaseSoon();
            }
        }
    }
}
