// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * Who reads which shuffle's memory, and until when. A lease ends exactly once: by release, by its holder's death or by its
 * deadline.
 *
 * <p>Threading: safe from any thread.
 */
final class LeaseTable {
    private final Map<Long, Lease> leases = new ConcurrentHashMap<>();
    private final AtomicLong nextId = new AtomicLong(1);
    private final long timeoutNanos;
    private final LongSupplier nanoClock;

    LeaseTable(Duration timeout, LongSupplier nanoClock) {
        this.timeoutNanos = timeout.toNanos();
        this.nanoClock = nanoClock;
    }

    /** Records a lease that {@code outputs} already counts. */
    long add(String holder, ShuffleOutputs outputs) {
        long id = nextId.getAndIncrement();
        leases.put(id, new Lease(holder, outputs, nanoClock.getAsLong() + timeoutNanos));
        return id;
    }

    /** Prolongs a lease; false when it has ended or is another's. */
    boolean renew(String holder, long id) {
        long deadline = nanoClock.getAsLong() + timeoutNanos;
        Lease renewed = leases.computeIfPresent(
                id, (key, lease) -> lease.holder.equals(holder) ? new Lease(holder, lease.outputs, deadline) : lease);
        return renewed != null && renewed.deadlineNanos == deadline;
    }

    /** Ends a lease of this holder; ending it again does nothing. */
    void release(String holder, long id) {
        Lease lease = leases.get(id);
        if (lease != null && lease.holder.equals(holder)) {
            end(id);
        }
    }

    int expire() {
        long now = nanoClock.getAsLong();
        return endWhere(lease -> lease.deadlineNanos - now < 0);
    }

    int holderLost(String holder) {
        return endWhere(lease -> lease.holder.equals(holder));
    }

    int live() {
        return leases.size();
    }

    int endAll() {
        return endWhere(lease -> true);
    }

    private int endWhere(Predicate<Lease> condition) {
        int ended = 0;
        for (Map.Entry<Long, Lease> entry : leases.entrySet()) {
            if (condition.test(entry.getValue()) && end(entry.getKey())) {
                ended++;
            }
        }
        return ended;
    }

    private boolean end(long id) {
        Lease lease = leases.remove(id);
        if (lease == null) {
            return false;
        }
        lease.outputs.endLease();
        return true;
    }

    private record Lease(String holder, ShuffleOutputs outputs, long deadlineNanos) {}
}
