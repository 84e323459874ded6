// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

final class LeaseKeeperTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(100);

    private final AtomicLong now = new AtomicLong();
    private final LeaseKeeper keeper = new LeaseKeeper(TIMEOUT, now::get);
    private final Deque<CompletableFuture<Boolean>> renewals = new ArrayDeque<>();
    private final Deque<CompletableFuture<Void>> releases = new ArrayDeque<>();

    @Test
    void aReleaseThatIsLostIsRepeatedUntilTheOwnerHasIt() {
        LeaseKeeper.Lease lease = hold();
        lease.close();
        lease.close();
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

    private LeaseKeeper.Lease hold() {
        return keeper.hold(
                () -> {
                    renewals.add(new CompletableFuture<>());
                    return renewals.getLast();
                },
                () -> {
                    releases.add(new CompletableFuture<>());
                    return releases.getLast();
                });
    }
}
