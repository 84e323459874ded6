// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The regions that peers may reach, and who is using them. Every use holds a count on the region.
 *
 * <p>Threading: safe from any thread; only {@link #remove} blocks.
 */
final class RegionTable {
    private final ConcurrentHashMap<Long, Registration> byId = new ConcurrentHashMap<>();
    private final LongAdder refused = new LongAdder();

    void add(HostRegion region) {
        Registration present = byId.putIfAbsent(region.id(), new Registration(region));
        if (present != null) {
            throw new IllegalStateException("region id=" + region.id() + " is registered already");
        }
    }

    /**
     * Refuses the region from now on and returns when nobody uses it. After {@code limit} the connections that still do are
     * ended.
     */
    void remove(MemoryRegion region, Duration limit) {
        Registration registration = byId.remove(region.id());
        if (registration != null) {
            registration.close(limit);
        }
    }

    @Nullable
    Registration find(long id) {
        return byId.get(id);
    }

    void countRefusal() {
        refused.increment();
    }

    long refusals() {
        return refused.sum();
    }

    /** One registered region. */
    static final class Registration {
        private final HostRegion region;
        private final long key;
        private final long sizeBytes;

        @GuardedBy("this")
        private final List<Wire> users = new ArrayList<>(2);

        @GuardedBy("this")
        private boolean closed;

        private Registration(HostRegion region) {
            this.region = region;
            this.key = region.descriptor().key();
            this.sizeBytes = region.sizeBytes();
        }

        HostRegion region() {
            return region;
        }

        long sizeBytes() {
            return sizeBytes;
        }

        Refusal check(long presentedKey, long offset, long length) {
            if (presentedKey != key) {
                return Refusal.WRONG_KEY;
            }
            return offset < 0 || length < 0 || offset > sizeBytes - length ? Refusal.OUT_OF_BOUNDS : Refusal.NONE;
        }

        /** Takes a use, which {@link #release} ends; false once the region is removed or freed. */
        synchronized boolean acquire(Wire user) {
            if (closed || !region.tryRetain()) {
                return false;
            }
            users.add(user);
            return true;
        }

        void release(Wire user) {
            region.release();
            synchronized (this) {
                users.remove(user);
                if (closed && users.isEmpty()) {
                    notifyAll();
                }
            }
        }

        private void close(Duration limit) {
            synchronized (this) {
                closed = true;
            }
            if (!awaitUnused(limit)) {
                usersNow()
                        .forEach(wire -> wire.end(
                                Code.CLOSED,
                                "region id=" + region.id() + " is being unregistered and peer " + wire.peer()
                                        + " did not end its transfer within " + limit.toMillis() + " ms"));
                awaitUnused(limit);
            }
        }

        private synchronized List<Wire> usersNow() {
            return List.copyOf(users);
        }

        private synchronized boolean awaitUnused(Duration limit) {
            long deadlineNanos = System.nanoTime() + limit.toNanos();
            boolean interrupted = false;
            while (!users.isEmpty()) {
                long leftMillis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
                if (leftMillis <= 0) {
                    break;
                }
                try {
                    wait(leftMillis);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            return users.isEmpty();
        }
    }
}
