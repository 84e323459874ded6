// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;

/** What this executor's reduce tasks read over which path, since it started. Threading: safe from any thread. */
public final class ReadCounters {
    private final Map<Path, LongAdder> bytes = new EnumMap<>(Path.class);
    private final LongAdder waitNanos = new LongAdder();

    /** How a block came to the task. */
    public enum Path {
        /** Written by this executor, read in place. */
        IN_PROCESS,
        /** Another executor's memory, mapped and read in place. */
        SHM,
        /** Transferred into this executor's memory. */
        TCP
    }

    /** Creates counters at zero. */
    public ReadCounters() {
        for (Path path : Path.values()) {
            bytes.put(path, new LongAdder());
        }
    }

    private LongAdder adder(Path path) {
        return Objects.requireNonNull(bytes.get(path));
    }

    void read(Path path, long count) {
        adder(path).add(count);
    }

    void waited(long nanos) {
        waitNanos.add(nanos);
    }

    /** Returns the bytes read over a path. */
    public long bytes(Path path) {
        return adder(path).sum();
    }

    /** Returns the time that tasks waited for blocks, in milliseconds. */
    public long waitMillis() {
        return waitNanos.sum() / 1_000_000;
    }
}
