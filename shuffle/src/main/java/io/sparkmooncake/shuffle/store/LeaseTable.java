// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * The leases on this executor's memory: who may read which extents, and until when. A lease owns one count on every extent that
 * its answer named, and nothing else; it ends exactly once: by release, by its holder's death or by its deadline.
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

    /** Records a lease that takes over one count on each extent. */
    long add(String holder, List<Extent> extents) {
        long id = nextId.getAndIncrement();
        leases.put(id, new Lease(holder, extents, nanoClock.getAsLong() + timeoutNanos));
        return id;
    }

    /** Prolongs a lease; false when it has ended or is another's. */
    boolean renew(String holder, long id) {
        long deadline = nanoClock.getAsLong() + timeoutNanos;
        Lease renewed = leases.computeIfPresent(
                id, (key, lease) -> lease.holder.equals(holder) ? new Lease(holder, lease.extents, deadline) : lease);
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
        lease.extents.forEach(Extent::release);
        return true;
    }

    private record Lease(String holder, List<Extent> extents, long deadlineNanos) {}
}
