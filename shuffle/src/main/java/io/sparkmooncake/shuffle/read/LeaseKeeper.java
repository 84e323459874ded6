// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Renews the leases that this executor's tasks hold, well before their owners would end them, and repeats releases that did
 * not reach their owners.
 *
 * <p>Threading: safe from any thread; {@link #keep} is called by the executor's housekeeping thread.
 */
public final class LeaseKeeper {
    private final Set<Lease> held = ConcurrentHashMap.newKeySet();
    private final Set<Lease> unreleased = ConcurrentHashMap.newKeySet();
    private final long timeoutNanos;
    private final LongSupplier nanoClock;

    /** Creates a keeper of leases that live for {@code timeout} from each renewal. */
    public LeaseKeeper(Duration timeout, LongSupplier nanoClock) {
        this.timeoutNanos = timeout.toNanos();
        this.nanoClock = nanoClock;
    }

    /**
     * Keeps a lease until it is closed.
     *
     * @param renewal asks the owner for more time; false when it has ended the lease
     * @param release tells the owner that the lease is over; repeated until it succeeds or the owner has ended the lease itself
     */
    Lease hold(Supplier<CompletableFuture<Boolean>> renewal, Supplier<? extends CompletableFuture<?>> release) {
        Lease lease = new Lease(renewal, release);
        held.add(lease);
        return lease;
    }

    /** Renews what is held and releases what was not released yet; call at least three times per lease timeout. */
    public void keep() {
        held.forEach(Lease::renew);
        unreleased.forEach(Lease::release);
    }

    /** Returns the number of leases held. */
    public int held() {
        return held.size();
    }

    /** Returns the number of leases that tasks have closed and whose owners do not know it yet. */
    public int unreleased() {
        return unreleased.size();
    }

    /** One lease of one task. Closing it releases it once. */
    final class Lease implements AutoCloseable {
        private final Supplier<CompletableFuture<Boolean>> renewal;
        private final Supplier<? extends CompletableFuture<?>> release;
        private final AtomicBoolean releasing = new AtomicBoolean();
        private volatile long renewedNanos = nanoClock.getAsLong();
        private volatile boolean refused;

        private Lease(Supplier<CompletableFuture<Boolean>> renewal, Supplier<? extends CompletableFuture<?>> release) {
            this.renewal = renewal;
            this.release = release;
        }

        private void renew() {
            long asked = nanoClock.getAsLong();
            var unused = renewal.get().whenComplete((renewed, failure) -> {
                if (failure == null && renewed) {
                    renewedNanos = asked;
                } else if (failure == null) {
                    refused = true;
                }
            });
        }

        /** Tells whether the owner may have reused the memory. */
        boolean isExpired() {
            return refused || nanoClock.getAsLong() - renewedNanos > timeoutNanos;
        }

        private void release() {
            if (isExpired()) {
                unreleased.remove(this);
            } else if (releasing.compareAndSet(false, true)) {
                var unused = release.get().whenComplete((answer, failure) -> {
                    if (failure == null) {
                        unreleased.remove(this);
                    }
                    releasing.set(false);
                });
            }
        }

        @Override
        public void close() {
            if (held.remove(this)) {
                unreleased.add(this);
                release();
            }
        }
    }
}
