// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The committed outputs of one shuffle on this executor. What is removed is freed at once; extents that a lease names stay until
 * that lease ends.
 *
 * <p>Threading: safe from any thread; every method is short.
 */
final class ShuffleOutputs {
    @GuardedBy("this")
    private final Map<Long, Committed> outputs = new HashMap<>();

    @GuardedBy("this")
    private boolean removed;

    private volatile long usedNanos;
    private volatile boolean wasRead;
    private volatile boolean mayHoldMemory;

    private record Committed(MapOutput output, long nanos) {}

    /** Returns the output that is now committed under this map id: the given one, or the earlier one that won; empty if removed. */
    synchronized Optional<MapOutput> commit(MapOutput output, long nowNanos) {
        if (removed) {
            return Optional.empty();
        }
        usedNanos = nowNanos;
        Committed earlier = outputs.putIfAbsent(output.mapId(), new Committed(output, nowNanos));
        mayHoldMemory = true;
        return Optional.of(earlier == null ? output : earlier.output);
    }

    synchronized @Nullable MapOutput get(long mapId) {
        Committed committed = outputs.get(mapId);
        return committed == null ? null : committed.output;
    }

    synchronized List<MapOutput> all() {
        return outputs.values().stream().map(Committed::output).toList();
    }

    /** Returns the ids of the outputs that were committed at {@code nanos} or before. */
    synchronized List<Long> mapIdsUntil(long nanos) {
        return outputs.entrySet().stream()
                .filter(entry -> entry.getValue().nanos - nanos <= 0)
                .map(Map.Entry::getKey)
                .toList();
    }

    /** Puts an output with the same blocks in other places, unless the one that it replaces was removed. */
    synchronized boolean replace(MapOutput output, MapOutput replacement) {
        Committed committed = outputs.get(output.mapId());
        if (committed == null || committed.output != output) {
            return false;
        }
        outputs.put(output.mapId(), new Committed(replacement, committed.nanos));
        return true;
    }

    /** Returns whether an output may lie in memory. */
    boolean mayHoldMemory() {
        return mayHoldMemory;
    }

    /** Notes whether an output of those listed since lies in memory; what is committed later counts in any case. */
    void holdsMemory(Predicate<MapOutput> inMemory) {
        mayHoldMemory = false;
        if (all().stream().anyMatch(inMemory)) {
            mayHoldMemory = true;
        }
    }

    /** Notes that blocks were looked up. */
    void read(long nowNanos) {
        usedNanos = nowNanos;
        wasRead = true;
    }

    /** Returns when an output was last committed or looked up. */
    long usedNanos() {
        return usedNanos;
    }

    /** Returns whether blocks were ever looked up. */
    boolean wasRead() {
        return wasRead;
    }

    synchronized void removeMap(long mapId) {
        Committed committed = outputs.remove(mapId);
        if (committed != null) {
            committed.output.free();
        }
    }

    synchronized void removeAll() {
        removed = true;
        outputs.values().forEach(committed -> committed.output.free());
        outputs.clear();
    }
}
