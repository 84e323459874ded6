// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.spi.ControlChannel;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Dials a peer until it answers, with a back-off that doubles up to {@link #LONGEST_BACK_OFF}. A peer that cannot be reached now
 * is not a peer that is gone: only its owner ends the dialing, at a deadline or because the store knows better.
 *
 * <p>Threading: its owner's agent.
 */
final class Dialing {
    static final Duration FIRST_BACK_OFF = Duration.ofMillis(100);
    static final Duration LONGEST_BACK_OFF = Duration.ofSeconds(2);

    /** A channel that stands for this long is no part of the failures before it. */
    static final Duration STEADY = Duration.ofSeconds(10);

    private final PeerRecord remote;
    private final EngineParts parts;
    private final Executor owner;
    private final Consumer<ControlChannel> answered;
    private final Consumer<TransferException> refused;
    private Duration backOff = FIRST_BACK_OFF;
    private int failures;
    private long answeredNanos;
    private @Nullable TransferException lastFailure;
    private Agent.Alarm next = () -> {};
    private boolean stopped;

    /**
     * Prepares.
     *
     * @param owner runs every action on the agent, and answers for those that throw
     * @param answered receives the channel, and owns it
     * @param refused receives a failure that dialing again does not mend
     */
    Dialing(
            PeerRecord remote,
            EngineParts parts,
            Executor owner,
            Consumer<ControlChannel> answered,
            Consumer<TransferException> refused) {
        this.remote = remote;
        this.parts = parts;
        this.owner = owner;
        this.answered = answered;
        this.refused = refused;
        this.answeredNanos = parts.agent().nanoTime();
    }

    void dial() {
        if (stopped) {
            return;
        }
        Following.onAgent(owner, parts.control().control(remote), this::dialled);
    }

    /** Dials again after the back-off, since this failed. */
    void again(TransferException failure) {
        if (failures == 0 && parts.agent().nanoTime() - answeredNanos >= STEADY.toNanos()) {
            backOff = FIRST_BACK_OFF;
        }
        failures++;
        lastFailure = failure;
        next = parts.agent().after(backOff, () -> owner.execute(this::dial));
        backOff = backOff.compareTo(LONGEST_BACK_OFF.dividedBy(2)) < 0 ? backOff.multipliedBy(2) : LONGEST_BACK_OFF;
    }

    /** Dials no more; a channel that still comes is closed. */
    void stop() {
        stopped = true;
        next.cancel();
    }

    /** It answered: the next failure is the first, with the first back-off if the channel stands for long enough until then. */
    void rest() {
        failures = 0;
        lastFailure = null;
        answeredNanos = parts.agent().nanoTime();
    }

    int failures() {
        return failures;
    }

    @Nullable
    TransferException lastFailure() {
        return lastFailure;
    }

    private void dialled(@Nullable ControlChannel channel, @Nullable TransferException failure) {
        if (channel != null) {
            if (stopped) {
                channel.close();
            } else {
                answered.accept(channel);
            }
        } else if (!stopped && failure != null) {
            if (failure.code() == Code.UNREACHABLE) {
                again(failure);
            } else {
                refused.accept(failure);
            }
        }
    }
}
