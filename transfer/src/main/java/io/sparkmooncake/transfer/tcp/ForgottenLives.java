// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Lives of peers that are known to be over, each with the reason. Threading: safe from any thread. */
final class ForgottenLives {
    /** Beyond this many the oldest are dropped: by then nobody means them any more. */
    private static final int MAX_LIVES = 16_384;

    private record Life(String name, long epoch) {}

    @GuardedBy("this")
    private final Map<Life, String> reasons = new LinkedHashMap<>();

    synchronized void add(String name, long epoch, String reason) {
        reasons.putIfAbsent(new Life(name, epoch), reason);
        if (reasons.size() > MAX_LIVES) {
            reasons.remove(reasons.keySet().iterator().next());
        }
    }

    synchronized @Nullable String reason(String name, long epoch) {
        return reasons.get(new Life(name, epoch));
    }
}
