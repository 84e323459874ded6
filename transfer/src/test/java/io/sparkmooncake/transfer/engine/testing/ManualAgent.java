// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine.testing;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.agent.Agent;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/** An agent whose thread is the test and whose clock the test turns. Threading: one thread. */
public final class ManualAgent implements Agent {
    private final ArrayDeque<Runnable> actions = new ArrayDeque<>();
    private final PriorityQueue<Timed> alarms =
            new PriorityQueue<>(Comparator.comparingLong(Timed::atNanos).thenComparingLong(Timed::order));
    private long nowNanos;
    private long order;
    private int waiting;
    private boolean closed;

    @Override
    public long nanoTime() {
        return nowNanos;
    }

    @Override
    public void execute(Runnable action) {
        if (closed) {
            throw new RejectedExecutionException("closed");
        }
        actions.add(action);
    }

    @Override
    public Alarm after(Duration delay, Runnable action) {
        if (closed) {
            throw new RejectedExecutionException("closed");
        }
        Timed timed = new Timed(nowNanos + delay.toNanos(), order++, action);
        alarms.add(timed);
        waiting++;
        return timed::cancel;
    }

    /** Runs what is due now, and what that gives rise to. */
    public void run() {
        while (true) {
            Runnable action = actions.poll();
            if (action == null && !alarms.isEmpty() && alarms.peek().atNanos <= nowNanos) {
                action = alarms.remove();
            }
            if (action == null) {
                return;
            }
            action.run();
        }
    }

    /** Runs what is due and returns what the future holds; a future that is not done then fails the test instead of hanging it. */
    public <T> T done(CompletableFuture<T> future) {
        run();
        if (!future.isDone()) {
            throw new AssertionError("not done at " + now());
        }
        return future.join();
    }

    /** Runs what is due and returns why the future failed; a future that has not failed then fails the test. */
    public TransferException failure(CompletableFuture<?> future) {
        run();
        if (!future.isCompletedExceptionally()) {
            throw new AssertionError("not failed at " + now());
        }
        return (TransferException) future.handle((value, failure) -> failure).join();
    }

    /** Lets time pass, alarm by alarm. */
    public void advance(Duration duration) {
        run();
        long untilNanos = nowNanos + duration.toNanos();
        while (!alarms.isEmpty() && alarms.peek().atNanos <= untilNanos) {
            nowNanos = Math.max(nowNanos, alarms.peek().atNanos);
            run();
        }
        nowNanos = untilNanos;
        run();
    }

    /** Lets time pass at once, as when the process is stopped: what was due meanwhile runs late. */
    public void pause(Duration duration) {
        run();
        nowNanos += duration.toNanos();
        run();
    }

    /** Returns the time since the agent was made. */
    public Duration now() {
        return Duration.ofNanos(nowNanos);
    }

    /** Returns how many actions wait for their time. */
    public int alarms() {
        return waiting;
    }

    @Override
    public void close() {
        run();
        closed = true;
    }

    /** Cancelled in constant time: the queue drops it when its time comes. */
    private final class Timed implements Runnable {
        private final long atNanos;
        private final long order;
        private @Nullable Runnable action;

        Timed(long atNanos, long order, Runnable action) {
            this.atNanos = atNanos;
            this.order = order;
            this.action = action;
        }

        long atNanos() {
            return atNanos;
        }

        long order() {
            return order;
        }

        void cancel() {
            if (action != null) {
                action = null;
                waiting--;
            }
        }

        @Override
        public void run() {
            Runnable due = action;
            cancel();
            if (due != null) {
                due.run();
            }
        }
    }
}
