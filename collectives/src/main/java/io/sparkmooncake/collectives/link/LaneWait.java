// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.transfer.TransferException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * How a rank waits for another one: it spins, yields, then parks. Whoever waits for long asks the other rank what it called under the
 * same number: two ranks that differ may wait for each other without a message that says so.
 *
 * <p>Threading: the rank's own.
 */
final class LaneWait {
    private static final int SPINS = 200;
    private static final long YIELD_NANOS = 200_000;
    private static final long MIN_PARK_NANOS = 20_000;
    private static final long MAX_PARK_NANOS = 500_000;

    /** Who has waited for long looks less often: a thousand ranks that look every millisecond keep a host busy. */
    private static final long MAX_LONG_PARK_NANOS = 100_000_000;

    private static final int WAITED_TO_PARK = 32;
    private static final long FIRST_PROBE_NANOS = 250_000_000;

    private final LinkHealth health;
    private final LaneDialer dialer;
    private long waitNanos;

    /** What this rank is doing, for errors. */
    interface Doing {
        /** Returns this rank. */
        int rank();

        /** Returns how errors name it: {@code #42 ALL_REDUCE float64[1024] SUM}. */
        String describe(LaneStream stream);

        /** Returns the number of the call. */
        long sequence();

        /** Throws what broke the links already. */
        void throwIfBroken() throws CollectiveException;
    }

    LaneWait(LinkHealth health, LaneDialer dialer, Duration limit) {
        this.health = health;
        this.dialer = dialer;
        this.waitNanos = limit.toNanos();
    }

    void limit(Duration limit) {
        waitNanos = limit.toNanos();
    }

    void await(Lane lane, Lane.Awaited awaited, Doing doing) throws CollectiveException {
        for (int i = 0; i <= SPINS; i++) {
            if (lane.has(awaited)) {
                return;
            }
            Thread.onSpinWait();
        }
        long startNanos = System.nanoTime();
        long parkNanos = MIN_PARK_NANOS;
        long probeNanos = FIRST_PROBE_NANOS;
        CompletableFuture<String> probe = null;
        while (!lane.has(awaited)) {
            long waitedNanos = System.nanoTime() - startNanos;
            throwIfHopeless(lane, doing, waitedNanos);
            if (waitedNanos >= probeNanos && lane.stream() == LaneStream.COLLECTIVE) {
                throwIfDiffers(lane, doing, probe);
                probe = dialer.callOf(lane.rank(), doing.sequence());
                probeNanos *= 2;
            }
            if (waitedNanos < YIELD_NANOS) {
                yieldCore();
            } else {
                LockSupport.parkNanos(this, parkNanos);
                long longest = Math.min(MAX_LONG_PARK_NANOS, Math.max(MAX_PARK_NANOS, waitedNanos / WAITED_TO_PARK));
                parkNanos = Math.min(longest, parkNanos * 2);
            }
        }
    }

    @SuppressWarnings("ThreadPriorityCheck") // the transport's thread may need this core to land what is awaited
    private static void yieldCore() {
        Thread.yield();
    }

    private void throwIfDiffers(Lane lane, Doing doing, @Nullable CompletableFuture<String> probe)
            throws CollectiveException {
        String theirs = probe == null || probe.isCompletedExceptionally() ? "" : probe.getNow("");
        String ours = doing.describe(lane.stream());
        if (!theirs.isEmpty() && !theirs.equals(ours)) {
            throw health.giveUp(Code.DESYNC, health.differs(lane.rank(), theirs, ours));
        }
    }

    private void throwIfHopeless(Lane lane, Doing doing, long waitedNanos) throws CollectiveException {
        doing.throwIfBroken();
        TransferException failed = lane.outbox().failure();
        boolean interrupted = Thread.currentThread().isInterrupted();
        boolean over = lane.inbox().isOver();
        if (failed == null && !interrupted && !over && waitedNanos < waitNanos) {
            return;
        }
        String at = doing.describe(lane.stream());
        if (interrupted) {
            throw health.giveUp(Code.INTERRUPTED, health.describe(doing.rank()) + " was interrupted in " + at);
        }
        if (over) {
            throw health.giveUp(
                    Code.DESYNC,
                    health.describe(lane.rank()) + " left after " + lane.inbox().describeCall() + ", we are at " + at
                            + health.foundBy());
        }
        if (failed != null) {
            throw health.giveUp(
                    LinkHealth.codeOf(failed),
                    health.describe(lane.rank()) + " cannot be reached in " + at + ": " + failed.getMessage()
                            + health.foundBy());
        }
        throw health.giveUp(Code.TIMED_OUT, isSilent(lane, at));
    }

    private String isSilent(Lane lane, String at) {
        return String.format(
                Locale.ROOT,
                "%s did not come to %s within %.1f s: it is at %s, awaited message=%d%s. Check that its task runs: a thread dump"
                        + " of its executor shows where it is",
                health.describe(lane.rank()),
                at,
                waitNanos / 1e9,
                lane.inbox().describeCall(),
                lane.inbox().next(),
                health.foundBy());
    }
}
