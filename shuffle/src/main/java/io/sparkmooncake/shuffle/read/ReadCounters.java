// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What this executor's reduce tasks read over which path, since it started. Threading: safe from any thread. */
public final class ReadCounters {
    private static final Logger LOG = LoggerFactory.getLogger(ReadCounters.class);
    private static final long WARNING_EVERY_NANOS = Duration.ofMinutes(1).toNanos();

    private final LongSupplier nanoClock;
    private final Map<Path, LongAdder> bytes = new EnumMap<>(Path.class);
    private final Map<Retry, LongAdder> retries = new EnumMap<>(Retry.class);
    private final Map<String, Long> warnedNanos = new ConcurrentHashMap<>();
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

    /** What was done again because it failed. */
    public enum Retry {
        /** A look-up of blocks. */
        LOOKUP,
        /** A transfer of a group of blocks. */
        TRANSFER,
        /** A connection. */
        CONNECT
    }

    /** Creates counters at zero. */
    public ReadCounters() {
        this(System::nanoTime);
    }

    /** Creates counters at zero, with {@link System#nanoTime}, or a test's clock. */
    ReadCounters(LongSupplier nanoClock) {
        this.nanoClock = nanoClock;
        for (Retry retry : Retry.values()) {
            retries.put(retry, new LongAdder());
        }
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

    /** Counts what is done again, and warns of the peer at most once a minute. */
    void retried(Retry what, String peer, Throwable cause) {
        Objects.requireNonNull(retries.get(what)).increment();
        if (mayWarn(peer)) {
            LOG.warn(
                    "{}: a {} failed and is repeated: {}. Further ones are counted in the gauges read.retries.*, and logged at most"
                            + " once a minute",
                    peer,
                    what.name().toLowerCase(Locale.ROOT),
                    cause.toString());
        }
    }

    /** Returns whether the last warning of a peer was a minute ago, and notes this one. */
    boolean mayWarn(String peer) {
        long now = nanoClock.getAsLong();
        Long last = warnedNanos.get(peer);
        boolean due = last == null || now - last >= WARNING_EVERY_NANOS;
        return due
                && (last == null ? warnedNanos.putIfAbsent(peer, now) == null : warnedNanos.replace(peer, last, now));
    }

    /** Returns how often something was done again. */
    public long retries(Retry what) {
        return Objects.requireNonNull(retries.get(what)).sum();
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
