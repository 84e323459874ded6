// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.agent;

import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;

/**
 * An alarm that counts looks, so that a pause of this process does not use up the time of those that it waits for; see
 * {@link Silence}.
 *
 * <p>Threading: the agent's.
 */
public final class Countdown implements Agent.Alarm {
    private final Agent agent;
    private final Silence silence;
    private final Runnable action;
    private Agent.Alarm next = () -> {};
    private boolean cancelled;

    private Countdown(Agent agent, Duration limit, Runnable action) {
        this.agent = agent;
        this.silence = new Silence(limit, agent.nanoTime());
        this.action = action;
    }

    /** Runs an action once the limit has passed. */
    public static Countdown start(Agent agent, Duration limit, Runnable action) {
        Countdown countdown = new Countdown(agent, limit, action);
        countdown.arm();
        return countdown;
    }

    /** Returns the time left, at least a millisecond. */
    public Duration left() {
        Duration left = silence.left();
        return left.compareTo(Duration.ofMillis(1)) < 0 ? Duration.ofMillis(1) : left;
    }

    private void arm() {
        next = agent.after(Duration.ofNanos(silence.everyNanos()), this::look);
    }

    private void look() {
        if (cancelled) {
            return;
        }
        if (silence.lastsAt(agent.nanoTime())) {
            action.run();
            return;
        }
        try {
            arm();
        } catch (RejectedExecutionException e) {
            cancelled = true; // the agent has ended, and with it whatever was waited for
        }
    }

    @Override
    public void cancel() {
        cancelled = true;
        next.cancel();
    }
}
