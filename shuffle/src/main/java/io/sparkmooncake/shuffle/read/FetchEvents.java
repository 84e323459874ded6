// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.shuffle.store.LeasedBlocks;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.UncheckedIOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What happened to a task's look-ups and transfers. Once closed, whatever still comes gives back what it holds.
 *
 * <p>Threading: filled from the engine's threads, read by the task's thread.
 */
final class FetchEvents implements AutoCloseable {
    private final BlockingQueue<Event> queue = new LinkedBlockingQueue<>();

    @GuardedBy("this")
    private boolean closed;

    /** Something that a fetch waited for. */
    sealed interface Event permits LookedUp, RemoteReads.Arrived, LookupFailed {
        /** Calls the fetch's method for this kind of event. */
        void deliverTo(BlockFetch fetch);

        /** Gives back what the event holds, when nobody will handle it. */
        void close();
    }

    /** A look-up was answered. */
    record LookedUp(PeerBlocks source, Peer peer, LeasedBlocks<RegionDescriptor> found, ReadLease lease)
            implements Event {
        @Override
        public void deliverTo(BlockFetch fetch) {
            fetch.lookedUp(this);
        }

        @Override
        public void close() {
            lease.close();
        }
    }

    /** A look-up failed; nothing is held. */
    record LookupFailed(PeerBlocks source, Throwable cause) implements Event {
        @Override
        public void deliverTo(BlockFetch fetch) {
            fetch.lookupFailed(this);
        }

        @Override
        public void close() {}
    }

    @Nullable
    Event poll(long timeout, TimeUnit unit) throws InterruptedException {
        return queue.poll(timeout, unit);
    }

    void add(Event event) {
        synchronized (this) {
            if (!closed) {
                queue.add(event);
                return;
            }
        }
        event.close();
    }

    /** Asks a peer and adds the answer. Never blocks, and always adds exactly one event within the deadlines. */
    void ask(ReadEnvironment environment, PeerBlocks source, LookupRequest request) {
        var unused = environment
                .lookups()
                .ask(environment, source, request)
                .whenComplete(
                        (event, failure) -> add(failure == null ? event : new LookupFailed(source, unwrap(failure))));
    }

    /** Holds a lease on this executor's own outputs. */
    static ReadLease holdHere(ReadEnvironment environment, long leaseId) {
        return environment.leases().hold(new ThisExecutor(environment), leaseId);
    }

    private record ThisExecutor(ReadEnvironment environment) implements LeaseKeeper.Owner {
        @Override
        public String executorId() {
            return environment.self();
        }

        @Override
        public CompletableFuture<Boolean> renew(long leaseId) {
            return CompletableFuture.completedFuture(environment.store().renew(executorId(), leaseId));
        }

        @Override
        public CompletableFuture<Integer> release(long[] leaseIds) {
            for (long leaseId : leaseIds) {
                environment.store().release(executorId(), leaseId);
            }
            return CompletableFuture.completedFuture(leaseIds.length);
        }
    }

    private static Throwable unwrap(Throwable failure) {
        Throwable cause = failure;
        while ((cause instanceof CompletionException || cause instanceof UncheckedIOException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        queue.forEach(Event::close);
        queue.clear();
    }
}
