// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

/**
 * The state of one connection, since when, and the step within it. The one place where a state changes.
 *
 * <p>Threading: none; its owner's agent.
 */
final class Standing {
    private ConnectionState state;
    private String step;
    private long sinceNanos;

    Standing(String step, long nowNanos) {
        this.state = ConnectionState.WAITING_STORE;
        this.step = step;
        this.sinceNanos = nowNanos;
    }

    void become(ConnectionState next, String nextStep, long nowNanos) {
        if (!state.mayBecome(next)) {
            throw new IllegalStateException(
                    "a connection in state " + state + " (" + step + ") cannot become " + next + " (" + nextStep + ")");
        }
        state = next;
        step = nextStep;
        sinceNanos = nowNanos;
    }

    void step(String nextStep) {
        step = nextStep;
    }

    boolean is(ConnectionState candidate) {
        return state == candidate;
    }

    ConnectionState state() {
        return state;
    }

    String step() {
        return step;
    }

    long sinceNanos() {
        return sinceNanos;
    }
}
