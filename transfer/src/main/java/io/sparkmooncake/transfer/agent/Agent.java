// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.agent;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/**
 * Runs short actions one after another, now or later: the single writer of the state that it is given.
 *
 * <p>Threading: every method is safe from any thread; actions run on the agent's thread and must not block. After the agent
 * has ended, {@link #execute} and {@link #after} throw {@link RejectedExecutionException}.
 */
public interface Agent extends Executor, AutoCloseable {
    /** Returns the time that {@link #after} counts in, on the scale of {@link System#nanoTime}. */
    long nanoTime();

    /** Runs an action once the delay has passed. */
    Alarm after(Duration delay, Runnable action);

    /** Ends the agent after the actions that were given before; closed by who made it. Idempotent. */
    @Override
    void close();

    /** An action that waits for its time. */
    @FunctionalInterface
    interface Alarm {
        /** Forgets the action unless it has begun. */
        void cancel();
    }
}
