// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.read.RemoteReads.Step;
import io.sparkmooncake.shuffle.spark.SparkInternals;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How long a task waited while nothing came for it. Look-ups and transfers have deadlines of their own; what is left is memory,
 * and peers that take no more transfers.
 *
 * <p>Threading: the reading thread.
 */
final class IdleTime {
    /** While other tasks give memory back the task's turn may come, so that time counts for a tenth. */
    private static final int MOVING_SHARE = 10;

    private final Landing landing;
    private final Duration patience;
    private final FetchReport report;
    private long nanos;
    private long lastNanos;
    private long seenChanges;

    IdleTime(Landing landing, Duration patience, FetchReport report) {
        this.landing = landing;
        this.patience = patience;
        this.report = report;
    }

    /** Sets it to zero, since something came or the task did not wait. */
    void reset() {
        nanos = 0;
    }

    /** Waits a moment for something to happen; null when nothing came. */
    @Nullable
    Runnable await(FetchEvents events, Duration atMost) {
        long start = System.nanoTime();
        Runnable event;
        try {
            SparkInternals.killIfInterrupted(report.context());
            event = events.poll(atMost);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw SparkInternals.sneaky(e);
        } finally {
            report.waited(System.nanoTime() - start);
        }
        if (event != null) {
            nanos = 0;
        }
        // Of a time in which this process stood still, no more counts than was asked for.
        lastNanos = Math.min(System.nanoTime() - start, 2 * atMost.toNanos());
        return event;
    }

    /** Adds the last wait, in which nothing came, and fails if that exceeds the limit. */
    void add(ReadQueue queue) {
        boolean forMemory = queue.hindrance() == Step.NO_MEMORY && queue.inFlight() == 0;
        long changes = landing.changes();
        nanos += forMemory && changes != seenChanges ? lastNanos / MOVING_SHARE : lastNanos;
        seenChanges = changes;
        Duration limit = queue.inFlight() > 0 ? patience.multipliedBy(10) : patience;
        if (nanos > limit.toNanos()) {
            throw queue.inFlight() > 0
                    ? report.stuckInFlight(queue.lastAsked().orElseThrow(), queue.inFlight(), limit)
                    : report.stuckHere(forMemory ? landing.describeMemory() : null, queue.lastAsked(), limit);
        }
    }
}
