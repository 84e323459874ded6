// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.LeasedBlocks;
import io.sparkmooncake.shuffle.store.LookupFrame;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.shuffle.store.LookupServices;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/**
 * The executors that have map outputs: this one, whose store is asked directly, and others.
 *
 * <p>Threading: safe from any thread; nothing blocks.
 */
public final class BlockOwners {
    private final String self;
    private final MapOutputStore store;
    private final Function<String, CompletableFuture<Peer>> peers;
    private final Duration timeout;

    /**
     * Creates the owners as one executor sees them.
     *
     * @param self this executor's id
     * @param store this executor's outputs
     * @param peers connects to an executor by id, or returns the connection that exists
     * @param timeout deadline of one message
     */
    public BlockOwners(
            String self, MapOutputStore store, Function<String, CompletableFuture<Peer>> peers, Duration timeout) {
        this.self = self;
        this.store = store;
        this.peers = peers;
        this.timeout = timeout;
    }

    boolean isHere(String executorId) {
        return executorId.equals(self);
    }

    LeasedBlocks<HostRegion> lookUpHere(LookupRequest request) {
        return store.lookup(self, request);
    }

    CompletableFuture<ByteBuffer> lookUp(Peer peer, LookupRequest request) {
        return peer.ask(LookupRequest.SERVICE, LookupFrame.encode(request), timeout);
    }

    /**
     * Connects to an executor, or returns the connection that exists. Fails with {@link GoneException} when another attempt is
     * pointless.
     */
    CompletableFuture<Peer> connect(String executorId) {
        return peers.apply(executorId)
                .exceptionallyCompose(failure -> CompletableFuture.failedFuture(
                        code(failure) == Code.PEER_GONE || code(failure) == Code.CLOSED
                                ? new GoneException(unwrap(failure))
                                : unwrap(failure)));
    }

    /**
     * Returns whether a connection that broke, or could not be made in time, is the cause, or that this process had no memory for
     * a moment, so that another attempt may succeed.
     */
    static boolean mayComeBack(Throwable failure) {
        Code code = code(failure);
        return code == Code.PEER_LOST
                || code == Code.UNREACHABLE
                || code == Code.TIMED_OUT
                || code == Code.CLOSED
                || isShortOfMemory(failure);
    }

    /** Returns whether what was asked may have reached the peer although its answer has not come. */
    static boolean mayHaveArrived(Throwable failure) {
        return mayComeBack(failure) && !isShortOfMemory(failure);
    }

    /** Returns whether this process had no memory for a message or a transfer, for which no peer is to blame. */
    static boolean isShortOfMemory(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof OutOfMemoryError) {
                return true;
            }
        }
        return false;
    }

    private static Code code(Throwable failure) {
        return unwrap(failure) instanceof TransferException known ? known.code() : Code.REFUSED;
    }

    /** Returns what stands behind the wrappers of futures. */
    static Throwable unwrap(Throwable failure) {
        Throwable cause = failure;
        while ((cause instanceof CompletionException || cause instanceof UncheckedIOException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }

    /** Returns who renews and ends leases on an executor's outputs. */
    Leases.Owner leaseOwner(String executorId) {
        return isHere(executorId) ? new ThisExecutor() : new OtherExecutor(executorId);
    }

    /** The store says that the executor's process is gone, or this one is closing: nothing is gained by another attempt. */
    static final class GoneException extends IOException {
        private static final long serialVersionUID = 1L;

        GoneException(Throwable cause) {
            super(cause.getMessage(), cause);
        }
    }

    private final class ThisExecutor implements Leases.Owner {
        @Override
        public String executorId() {
            return self;
        }

        @Override
        public boolean isHere() {
            return true;
        }

        @Override
        public CompletableFuture<ByteBuffer> renew(long[] leaseIds) {
            return CompletableFuture.completedFuture(LookupServices.renew(store, self, LongBuffer.wrap(leaseIds)));
        }

        @Override
        public CompletableFuture<Integer> release(long[] leaseIds) {
            for (long leaseId : leaseIds) {
                store.release(self, leaseId);
            }
            return CompletableFuture.completedFuture(leaseIds.length);
        }
    }

    /** Connects again when the connection that a lease came over is lost: the lease is the executor's, not the connection's. */
    private final class OtherExecutor implements Leases.Owner {
        private final String executorId;

        OtherExecutor(String executorId) {
            this.executorId = executorId;
        }

        @Override
        public String executorId() {
            return executorId;
        }

        @Override
        public boolean isHere() {
            return false;
        }

        @Override
        public CompletableFuture<ByteBuffer> renew(long[] leaseIds) {
            return ask(LookupRequest.RENEW_SERVICE, leaseIds);
        }

        @Override
        public CompletableFuture<ByteBuffer> release(long[] leaseIds) {
            return ask(LookupRequest.RELEASE_SERVICE, leaseIds);
        }

        private CompletableFuture<ByteBuffer> ask(String service, long[] leaseIds) {
            ByteBuffer request = LookupFrame.leases(leaseIds);
            return peers.apply(executorId).thenCompose(peer -> peer.ask(service, request, timeout));
        }
    }
}
