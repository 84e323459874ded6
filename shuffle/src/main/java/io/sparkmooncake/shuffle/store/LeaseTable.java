// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiPredicate;
import java.util.function.LongSupplier;

/**
 * The leases on this executor's memory: who may read which extents, and until when. A lease owns one count on every extent that
 * its answer named, and nothing else; it ends exactly once: by release, by its holder's death or by its deadline.
 *
 * <p>Threading: safe from any thread.
 */
final class LeaseTable {
    private final Map<Key, Lease> leases = new ConcurrentHashMap<>();
    private final AtomicLong nextId = new AtomicLong(1);
    private final long timeoutNanos;
    private final LongSupplier nanoClock;

    LeaseTable(Duration timeout, LongSupplier nanoClock) {
        this.timeoutNanos = timeout.toNanos();
        this.nanoClock = nanoClock;
    }

    /**
     * Records a lease that takes over one count on each extent, and returns its id.
     *
     * @param wantedId unique among the holder's leases; 0 for any
     */
    long add(String holder, long wantedId, List<Extent> extents) {
        long id = wantedId == 0 ? nextId.getAndIncrement() : wantedId;
        Lease before = leases.put(new Key(holder, id), new Lease(extents, nanoClock.getAsLong() + timeoutNanos));
        if (before != null) {
            before.extents.forEach(Extent::release);
        }
        return id;
    }

    /** Prolongs a lease; false when it has ended. */
    boolean renew(String holder, long id) {
        long deadline = nanoClock.getAsLong() + timeoutNanos;
        return leases.computeIfPresent(new Key(holder, id), (key, lease) -> new Lease(lease.extents, deadline)) != null;
    }

    /** Ends a lease of this holder; ending it again does nothing. */
    void release(String holder, long id) {
        end(new Key(holder, id));
    }

    int expire() {
        long now = nanoClock.getAsLong();
        return endWhere((key, lease) -> lease.deadlineNanos - now < 0);
    }

    int holderLost(String holder) {
        return endWhere((key, lease) -> key.holder.equals(holder));
    }

    int live() {
        return leases.size();
    }

    int endAll() {
        return endWhere((key, lease) -> true);
    }

    private int endWhere(BiPredicate<Key, Lease> condition) {
        int ended = 0;
        for (Map.Entry<Key, Lease> entry : leases.entrySet()) {
            if (condition.test(entry.getKey(), entry.getValue()) && end(entry.getKey())) {
                ended++;
            }
        }
        return ended;
    }

    private boolean end(Key key) {
        Lease lease = leases.remove(key);
        if (lease == null) {
            return false;
        }
        lease.extents.forEach(Extent::release);
        return true;
    }

    private record Key(String holder, long id) {}

    private record Lease(List<Extent> extents, long deadlineNanos) {}
}
