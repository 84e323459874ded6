// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The committed outputs of one shuffle on this executor. What is removed is freed at once; extents that a lease names stay until
 * that lease ends.
 *
 * <p>Threading: safe from any thread; every method is short.
 */
final class ShuffleOutputs {
    @GuardedBy("this")
    private final Map<Long, MapOutput> outputs = new HashMap<>();

    @GuardedBy("this")
    private boolean removed;

    /** Returns the output that is now committed under this map id: the given one, or the earlier one that won; empty if removed. */
    synchronized Optional<MapOutput> commit(MapOutput output) {
        if (removed) {
            return Optional.empty();
        }
        MapOutput earlier = outputs.putIfAbsent(output.mapId(), output);
        return Optional.of(earlier == null ? output : earlier);
    }

    synchronized @Nullable MapOutput get(long mapId) {
        return outputs.get(mapId);
    }

    synchronized List<Long> mapIds() {
        return List.copyOf(outputs.keySet());
    }

    synchronized void removeMap(long mapId) {
        MapOutput output = outputs.remove(mapId);
        if (output != null) {
            output.free();
        }
    }

    synchronized void removeAll() {
        removed = true;
        outputs.values().forEach(MapOutput::free);
        outputs.clear();
    }
}
