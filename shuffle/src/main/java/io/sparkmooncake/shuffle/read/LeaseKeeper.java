// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Renews the leases that this executor's tasks hold, well before their owners would end them.
 *
 * <p>Threading: safe from any thread; {@link #renewAll} is called by the executor's housekeeping thread.
 */
public final class LeaseKeeper {
    private final Set<Lease> held = ConcurrentHashMap.newKeySet();
    private final long timeoutNanos;
    private final LongSupplier nanoClock;

    /** Creates a keeper of leases that live for {@code timeout} from each renewal. */
    public LeaseKeeper(Duration timeout, LongSupplier nanoClock) {
        this.timeoutNanos = timeout.toNanos();
        this.nanoClock = nanoClock;
    }

    Lease hold(Supplier<CompletableFuture<Boolean>> renewal, Runnable release) {
        Lease lease = new Lease(renewal, release);
        held.add(lease);
        return lease;
    }

    /** Renews what is held; call at least three times per lease timeout. */
    public void renewAll() {
        held.forEach(Lease::renew);
    }

    /** Returns the number of leases held. */
    public int held() {
        return held.size();
    }

    /** One lease of one task. Closing it releases it once. */
    final class Lease implements AutoCloseable {
        private final Supplier<CompletableFuture<Boolean>> renewal;
        private final Runnable release;
        private volatile long renewedNanos = nanoClock.getAsLong();
        private volatile boolean refused;

        private Lease(Supplier<CompletableFuture<Boolean>> renewal, Runnable release) {
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

        @Override
        public void close() {
            if (held.remove(this)) {
                release.run();
            }
        }
    }
}
