// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What a fetch must still handle: events from the engine's threads, and what is due later. After {@link #close} an event runs
 * at once, on the thread that adds it, to give back what it carries.
 *
 * <p>Threading: any thread adds, the reading thread takes.
 */
final class FetchEvents implements AutoCloseable {
    private static final Duration LONGEST_WAIT = Duration.ofMillis(200);

    private final BlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();

    @GuardedBy("this")
    private final PriorityQueue<Delayed> delayed = new PriorityQueue<>(Comparator.comparingLong(Delayed::dueNanos));

    @GuardedBy("this")
    private boolean closed;

    private record Delayed(long dueNanos, Runnable action) {
        long leftNanos() {
            return dueNanos - System.nanoTime();
        }
    }

    void add(Runnable event) {
        synchronized (this) {
            if (!closed) {
                queue.add(event);
                return;
            }
        }
        event.run();
    }

    /** Adds an event when a time has passed. */
    synchronized void addLater(Duration delay, Runnable event) {
        delayed.add(new Delayed(System.nanoTime() + delay.toNanos(), event));
    }

    /** Returns whether something is due later. */
    synchronized boolean hasDelayed() {
        return !delayed.isEmpty();
    }

    /** Takes an event that is there; null when there is none. */
    @Nullable
    Runnable poll() {
        moveDue();
        return queue.poll();
    }

    /** Takes an event, waiting a moment for it; null when there is none by then. */
    @Nullable
    Runnable poll(Duration atMost) throws InterruptedException {
        moveDue();
        return queue.poll(waitNanos(atMost), TimeUnit.NANOSECONDS);
    }

    private synchronized void moveDue() {
        for (Delayed first = delayed.peek(); first != null && first.leftNanos() <= 0; first = delayed.peek()) {
            delayed.remove();
            queue.add(first.action);
        }
    }

    private synchronized long waitNanos(Duration atMost) {
        long nanos = Math.min(atMost.toNanos(), LONGEST_WAIT.toNanos());
        Delayed first = delayed.peek();
        return first == null ? nanos : Math.min(nanos, Math.max(0, first.leftNanos()));
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            delayed.clear();
        }
        for (Runnable event = queue.poll(); event != null; event = queue.poll()) {
            event.run();
        }
    }
}
