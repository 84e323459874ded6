// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
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

final class LeasesTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(100);

    private final AtomicLong now = new AtomicLong();
    private final Deque<Runnable> delayed = new ArrayDeque<>();
    private final Leases keeper = new Leases(TIMEOUT, now::get, delayed::add);
    private final Deque<CompletableFuture<ByteBuffer>> renewals = new ArrayDeque<>();
    private final Deque<CompletableFuture<Void>> releases = new ArrayDeque<>();
    private final List<List<Long>> released = new ArrayList<>();
    private final List<List<Long>> renewed = new ArrayList<>();

    @Test
    void aReleaseThatIsLostIsRepeatedUntilTheOwnerHasIt() {
        FoundBlocks.Claim lease = hold();
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
        FoundBlocks.Claim lease = hold();
        now.addAndGet(TIMEOUT.toNanos() / 2);
        keeper.keep();
        now.addAndGet(TIMEOUT.toNanos() / 4);
        renewals.getLast().complete(answer(1));
        now.addAndGet(TIMEOUT.toNanos() * 3 / 4);
        assertThat(lease.isExpired()).isFalse();
        now.incrementAndGet();
        assertThat(lease.isExpired()).isTrue();
    }

    @Test
    void aRefusedRenewalEndsTheLeaseAtOnce() {
        FoundBlocks.Claim lease = hold();
        now.addAndGet(TIMEOUT.toNanos() / 2);
        keeper.keep();
        renewals.getLast().complete(answer(0));
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
    void aLeaseOfThisExecutorIsReleasedAtOnceAndAlone() {
        hold("1", 11).close();
        hold("here", 12).close();
        assertThat(released).containsExactly(List.of(12L));
        delayed.remove().run();
        assertThat(released).containsExactly(List.of(12L), List.of(11L));
    }

    @Test
    void aLeaseThatWasAskedForInVainIsReleasedUntilItsRequestCannotBeOnItsWayAnyMore() {
        keeper.releaseUnanswered(new RecordingOwner("1"), 31);
        delayed.remove().run();
        releases.getLast().complete(null);
        assertThat(keeper.unreleased()).isEqualTo(1);
        now.addAndGet(TIMEOUT.toNanos() / 8 - 1);
        keeper.keep();
        releases.getLast().complete(null);
        assertThat(keeper.unreleased()).isEqualTo(1);
        now.addAndGet(1);
        keeper.keep();
        releases.getLast().complete(null);
        assertThat(keeper.unreleased()).isZero();
        assertThat(released).containsExactly(List.of(31L), List.of(31L), List.of(31L));
    }

    @Test
    void aReleaseIsNotDelayedOnceNothingRunsLater() {
        Leases closing = new Leases(TIMEOUT, now::get, action -> {
            throw new RejectedExecutionException("housekeeping has ended");
        });
        closing.hold(new RecordingOwner("1"), 11).close();
        assertThat(released).containsExactly(List.of(11L));
    }

    @Test
    void whatIsDueIsRenewedWithOneMessageToEachOwner() {
        FoundBlocks.Claim first = hold("1", 11);
        FoundBlocks.Claim second = hold("1", 12);
        hold("2", 21);
        now.addAndGet(TIMEOUT.toNanos() / 3 - 1);
        keeper.keep();
        assertThat(renewed).as("a lease lives for three times as long").isEmpty();

        now.incrementAndGet();
        hold("1", 13);
        keeper.keep();
        keeper.keep();
        assertThat(renewed).containsExactlyInAnyOrder(List.of(11L, 12L), List.of(21L));
        int ofTheFirst = renewed.get(0).equals(List.of(11L, 12L)) ? 0 : 1;
        List<CompletableFuture<ByteBuffer>> asked = List.copyOf(renewals);
        asked.get(ofTheFirst).complete(answer(1, 0));
        asked.get(1 - ofTheFirst).completeExceptionally(new IOException("the link was cut"));
        assertThat(first.isExpired() ^ second.isExpired())
                .as("each has its own answer")
                .isTrue();

        keeper.keep();
        assertThat(renewed).as("what failed is asked again").endsWith(List.of(21L));
    }

    @Test
    void leaseZeroIsNone() {
        FoundBlocks.Claim none = hold("1", 0);
        now.addAndGet(10 * TIMEOUT.toNanos());
        keeper.keep();
        none.close();
        assertThat(renewed).isEmpty();
        assertThat(none.isExpired()).isFalse();
        assertThat(delayed).isEmpty();
    }

    private static ByteBuffer answer(int... lives) {
        ByteBuffer answer = ByteBuffer.allocate(lives.length);
        for (int each : lives) {
            answer.put((byte) each);
        }
        return answer.flip();
    }

    private FoundBlocks.Claim hold() {
        return hold("1", 11);
    }

    private FoundBlocks.Claim hold(String executorId, long id) {
        return keeper.hold(new RecordingOwner(executorId), id);
    }

    private final class RecordingOwner implements Leases.Owner {
        private final String executorId;

        RecordingOwner(String executorId) {
            this.executorId = executorId;
        }

        @Override
        public String executorId() {
            return executorId;
        }

        @Override
        public boolean isHere() {
            return executorId.equals("here");
        }

        @Override
        public CompletableFuture<ByteBuffer> renew(long[] leaseIds) {
            renewed.add(Arrays.stream(leaseIds).boxed().sorted().toList());
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
