// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Processes that are known to be gone, each with the reason; the oldest are forgotten beyond 16,384. Threading: safe from any
 * thread.
 */
final class LostLives {
    private static final int MAX_LIVES = 16_384;

    @GuardedBy("this")
    private final LinkedHashMap<Life, String> reasons = new LinkedHashMap<>();

    synchronized void add(Life life, String reason) {
        reasons.putIfAbsent(life, reason);
        if (reasons.size() > MAX_LIVES) {
            reasons.remove(reasons.keySet().iterator().next());
        }
    }

    synchronized @Nullable String reason(Life life) {
        return reasons.get(life);
    }
}
