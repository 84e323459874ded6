// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The committed outputs of one shuffle on this executor. A lease holds the whole shuffle: memory of removed outputs is given
 * back when the last lease ends.
 *
 * <p>Threading: safe from any thread; every method is short.
 */
final class ShuffleOutputs {
    @GuardedBy("this")
    private final Map<Long, MapOutput> outputs = new HashMap<>();

    @GuardedBy("this")
    private final List<MapOutput> awaitingLeases = new ArrayList<>();

    @GuardedBy("this")
    private int leases;

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

    /** Adds a lease unless the shuffle was removed. */
    synchronized boolean lease() {
        if (removed) {
            return false;
        }
        leases++;
        return true;
    }

    synchronized void endLease() {
        leases--;
        freeUnleased();
    }

    synchronized void removeMap(long mapId) {
        MapOutput output = outputs.remove(mapId);
        if (output != null) {
            awaitingLeases.add(output);
            freeUnleased();
        }
    }

    synchronized void removeAll() {
        removed = true;
        awaitingLeases.addAll(outputs.values());
        outputs.clear();
        freeUnleased();
    }

    @GuardedBy("this")
    private void freeUnleased() {
        if (leases == 0) {
            awaitingLeases.forEach(MapOutput::free);
            awaitingLeases.clear();
        }
    }
}
