// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class LeaseKeeperTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(100);

    private final AtomicLong now = new AtomicLong();
    private final Deque<Runnable> delayed = new ArrayDeque<>();
    private final LeaseKeeper keeper = new LeaseKeeper(TIMEOUT, now::get, delayed::add);
    private final Deque<CompletableFuture<Boolean>> renewals = new ArrayDeque<>();
    private final Deque<CompletableFuture<Void>> releases = new ArrayDeque<>();
    private final List<List<Long>> released = new ArrayList<>();

    @Test
    void aReleaseThatIsLostIsRepeatedUntilTheOwnerHasIt() {
        LeaseKeeper.Lease lease = hold();
        lease.close();
        lease.close();
        assertThat(delayed).hasSize(1);
        delayed.remove().run();
        keeper.keep();
        assertThat(releases).as("one at a time").hasSize(1);

        releases.getLast().completeExceptionally(new IOException("the link was cut"));
        keeper.keep();
        assertThat(releases).hasSize(2);
        assertThat(keeper.unreleased()).isEqualTo(1);

        releases.getLast().complete(null);
        keeper.keep();
        assertThat(releases).hasSize(2);
        assertThat(keeper.unreleased()).isZero();
    }

    @Test
    void aReleaseIsGivenUpOnceTheOwnerHasEndedTheLease() {
        hold().close();
        keeper.keep();
        releases.getLast().completeExceptionally(new IOException("the owner is gone"));
        now.addAndGet(TIMEOUT.toNanos() + 1);
        keeper.keep();
        assertThat(releases).hasSize(1);
        assertThat(keeper.unreleased()).isZero();
    }

    @Test
    void aRenewalCountsFromWhenItWasAskedFor() {
        LeaseKeeper.Lease lease = hold();
        now.addAndGet(TIMEOUT.toNanos() / 2);
        keeper.keep();
        now.addAndGet(TIMEOUT.toNanos() / 4);
        renewals.getLast().complete(true);
        now.addAndGet(TIMEOUT.toNanos() * 3 / 4);
        assertThat(lease.isExpired()).isFalse();
        now.incrementAndGet();
        assertThat(lease.isExpired()).isTrue();
    }

    @Test
    void aRefusedRenewalEndsTheLeaseAtOnce() {
        LeaseKeeper.Lease lease = hold();
        keeper.keep();
        renewals.getLast().complete(false);
        assertThat(lease.isExpired()).isTrue();
    }

    @Test
    void whatIsReleasedWithinAMomentIsOneMessageToEachOwner() {
        hold("1", 11).close();
        hold("2", 21).close();
        hold("1", 12).close();
        assertThat(releases).isEmpty();
        assertThat(delayed).hasSize(1);
        delayed.remove().run();
        assertThat(released).containsExactlyInAnyOrder(List.of(11L, 12L), List.of(21L));
        releases.forEach(release -> release.complete(null));
        assertThat(keeper.unreleased()).isZero();

        hold("1", 13).close();
        delayed.remove().run();
        assertThat(released).hasSize(3);
    }

    @Test
    void aReleaseIsNotDelayedOnceNothingRunsLater() {
        LeaseKeeper closing = new LeaseKeeper(TIMEOUT, now::get, action -> {
            throw new RejectedExecutionException("housekeeping has ended");
        });
        closing.hold(new RecordingOwner("1"), 11).close();
        assertThat(released).containsExactly(List.of(11L));
    }

    private LeaseKeeper.Lease hold() {
        return hold("1", 11);
    }

    private LeaseKeeper.Lease hold(String executorId, long id) {
        return keeper.hold(new RecordingOwner(executorId), id);
    }

    private final class RecordingOwner implements LeaseKeeper.Owner {
        private final String executorId;

        RecordingOwner(String executorId) {
            this.executorId = executorId;
        }

        @Override
        public String executorId() {
            return executorId;
        }

        @Override
        public CompletableFuture<Boolean> renew(long leaseId) {
            renewals.add(new CompletableFuture<>());
            return renewals.getLast();
        }

        @Override
        public CompletableFuture<?> release(long[] leaseIds) {
            released.add(Arrays.stream(leaseIds).boxed().sorted().toList());
            releases.add(new CompletableFuture<>());
            return releases.getLast();
        }
    }
}
