// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.shuffle.store.LeasedBlocks;
import io.sparkmooncake.shuffle.store.LookupFrame;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
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
    record LookedUp(PeerBlocks source, Peer peer, LeasedBlocks<RegionDescriptor> found, LeaseKeeper.Lease lease)
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
        Duration timeout = environment.limits().timeout();
        var unused = environment
                .peers()
                .apply(source.address().executorId())
                .thenCompose(peer -> peer.ask(LookupRequest.SERVICE, LookupFrame.encode(request), timeout)
                        .thenApply(answer -> lookedUp(environment, source, peer, answer)))
                .whenComplete(
                        (event, failure) -> add(failure == null ? event : new LookupFailed(source, unwrap(failure))));
    }

    private static Event lookedUp(ReadEnvironment environment, PeerBlocks source, Peer peer, ByteBuffer answer) {
        try {
            LeasedBlocks<RegionDescriptor> found = LookupFrame.decodeAnswer(answer);
            return new LookedUp(source, peer, found, hold(environment, source, found.leaseId()));
        } catch (IOException e) {
            return new LookupFailed(source, e);
        }
    }

    private static LeaseKeeper.Lease hold(ReadEnvironment environment, PeerBlocks source, long leaseId) {
        return environment
                .leases()
                .hold(new RemoteOwner(environment, source.address().executorId()), leaseId);
    }

    /** Connects again where the connection that the lease came over is lost: the lease is the executor's, not its. */
    private record RemoteOwner(ReadEnvironment environment, String executorId) implements LeaseKeeper.Owner {
        @Override
        public CompletableFuture<Boolean> renew(long leaseId) {
            return tell(LookupRequest.RENEW_SERVICE, LookupFrame.leases(leaseId))
                    .thenApply(answer -> answer.get() == 1);
        }

        @Override
        public CompletableFuture<ByteBuffer> release(long[] leaseIds) {
            return tell(LookupRequest.RELEASE_SERVICE, LookupFrame.leases(leaseIds));
        }

        private CompletableFuture<ByteBuffer> tell(String service, ByteBuffer request) {
            Duration timeout = environment.limits().timeout();
            return environment.peers().apply(executorId).thenCompose(peer -> peer.ask(service, request, timeout));
        }
    }

    /** Holds a lease on this executor's own outputs. */
    static LeaseKeeper.Lease holdHere(ReadEnvironment environment, long leaseId) {
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
        Throwable cause = failure.getCause();
        return failure instanceof CompletionException && cause != null ? cause : failure;
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
