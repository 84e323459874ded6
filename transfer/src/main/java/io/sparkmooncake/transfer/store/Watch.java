// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import java.util.List;

/** A standing look at the keys under a prefix. Threading: safe from any thread. */
public interface Watch extends AutoCloseable {
    /** Says how soon changes matter. {@link Pace#SOON} looks at once and starts the back-off again. */
    void pace(Pace pace);

    /** Returns how the store has answered this process lately. */
    Looks looks();

    /** Ends the watch; what is under way is not delivered any more. */
    @Override
    void close();

    /**
     * What the poller of this process has done so far.
     *
     * @param count number of look-ups, each serving everybody who waited then
     * @param lastError why the latest look-up failed; {@code none} if it did not
     */
    record Looks(long count, String lastError) {}

    /** How soon changes matter. */
    enum Pace {
        /** Somebody waits: 8 ms, doubling to 1,024 ms while nothing changes, never faster than the host asks for. */
        SOON,
        /** Nobody waits, but changes should be seen within seconds. */
        SLOW,
        /** Not at all; what happened meanwhile is delivered when the pace is raised. */
        PAUSED
    }

    /**
     * What happened under the prefix since the last delivery.
     *
     * @param snapshot whether the changes are everything there is: what the watcher knew and is not among them is gone
     * @param version up to which the store was read
     * @param changes at most one per key, in order of version
     */
    record Changes(boolean snapshot, long version, List<Change> changes) {
        /** Copies the list. */
        public Changes {
            changes = List.copyOf(changes);
        }
    }

    /** Receives changes. */
    @FunctionalInterface
    interface Watcher {
        /** Called on the agent's thread, in order, only when something changed; must not block. */
        void changed(Changes changes);
    }
}
