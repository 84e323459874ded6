// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.LookupFrame;
import io.sparkmooncake.shuffle.store.LookupRequest;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** Whom a lease is renewed and released with: this executor's store, or another executor. */
final class LeaseOwners {
    private LeaseOwners() {}

    /** Holds a lease on this executor's own outputs. */
    static ReadLease holdHere(ReadEnvironment environment, long leaseId) {
        return environment.leases().hold(new ThisExecutor(environment), leaseId);
    }

    /** Holds a lease on another executor's outputs. */
    static LeaseKeeper.Lease hold(ReadEnvironment environment, String executorId, long leaseId) {
        return environment.leases().hold(new OtherExecutor(environment, executorId), leaseId);
    }

    private record ThisExecutor(ReadEnvironment environment) implements LeaseKeeper.Owner {
        @Override
        public String executorId() {
            return environment.self();
        }

        @Override
        public boolean isHere() {
            return true;
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

    /** Connects again where the connection that the lease came over is lost: the lease is the executor's, not its. */
    private record OtherExecutor(ReadEnvironment environment, String executorId) implements LeaseKeeper.Owner {
        @Override
        public boolean isHere() {
            return false;
        }

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
}
