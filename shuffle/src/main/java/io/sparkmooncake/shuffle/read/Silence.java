// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.read.RemoteReads.Step;
import java.time.Duration;

/**
 * How long a task waited while nothing came for it. Look-ups and transfers have deadlines of their own; what is left is memory,
 * and peers that take no more transfers.
 *
 * <p>Threading: the reading thread, under the lock of its fetch.
 */
final class Silence {
    /** While other tasks give memory back the task's turn may come, so that time counts for a tenth. */
    private static final int MOVING_SHARE = 10;

    private final Landing landing;
    private final Duration patience;
    private final FetchReport report;
    private long nanos;
    private long seenChanges;

    Silence(Landing landing, Duration patience, FetchReport report) {
        this.landing = landing;
        this.patience = patience;
        this.report = report;
    }

    /** Something came, or the task did not wait. */
    void end() {
        nanos = 0;
    }

    /** Counts time in which nothing came, and fails when that is too long. */
    void lasted(long waitedNanos, ReadQueue queue) {
        boolean forMemory = queue.hindrance() == Step.NO_MEMORY && queue.inFlight() == 0;
        long changes = landing.changes();
        nanos += forMemory && changes != seenChanges ? waitedNanos / MOVING_SHARE : waitedNanos;
        seenChanges = changes;
        Duration limit = queue.inFlight() > 0 ? patience.multipliedBy(10) : patience;
        if (nanos > limit.toNanos()) {
            throw queue.inFlight() > 0
                    ? report.stuckInFlight(queue.lastAsked().orElseThrow(), queue.inFlight(), limit)
                    : report.stuckHere(forMemory ? landing.describeMemory() : null, queue.lastAsked(), limit);
        }
    }
}
