// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Callers that have not proved the secret yet. There is a limit per address and one for all; beyond either the oldest is shed
 * instead of the newest refused, because honest callers finish within milliseconds.
 *
 * <p>Threading: safe from any thread.
 */
final class UnfinishedHandshakes {
    static final int MAX_PER_ADDRESS = 1024;
    static final int MAX_IN_ALL = 4096;

    @GuardedBy("this")
    private final LinkedHashSet<Caller> all = new LinkedHashSet<>();

    @GuardedBy("this")
    private final Map<String, LinkedHashSet<Caller>> byAddress = new HashMap<>();

    /** A caller; equal by identity. */
    interface Caller {
        /** Returns the remote address without its port. */
        String address();

        /** Ends the handshake; called from any thread. */
        void shed();
    }

    /** Counts a caller in, until {@link #ended}; sheds another if there are too many. */
    void begun(Caller caller) {
        Caller victim = add(caller);
        if (victim != null) {
            victim.shed();
        }
    }

    private synchronized @Nullable Caller add(Caller caller) {
        LinkedHashSet<Caller> ofAddress = byAddress.computeIfAbsent(caller.address(), address -> new LinkedHashSet<>());
        Caller victim = null;
        if (ofAddress.size() >= MAX_PER_ADDRESS) {
            victim = ofAddress.iterator().next();
        } else if (all.size() >= MAX_IN_ALL) {
            victim = all.iterator().next();
        }
        if (victim != null) {
            ended(victim);
        }
        all.add(caller);
        byAddress
                .computeIfAbsent(caller.address(), address -> new LinkedHashSet<>())
                .add(caller);
        return victim;
    }

    synchronized void ended(Caller caller) {
        all.remove(caller);
        LinkedHashSet<Caller> ofAddress = byAddress.get(caller.address());
        if (ofAddress != null && ofAddress.remove(caller) && ofAddress.isEmpty()) {
            byAddress.remove(caller.address());
        }
    }

    synchronized int count() {
        return all.size();
    }
}
