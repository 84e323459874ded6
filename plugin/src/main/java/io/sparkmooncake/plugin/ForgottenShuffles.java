// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.shuffle.store.MapOutputStore;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.apache.spark.MapOutputTrackerMaster;
import org.apache.spark.ShuffleStatus;
import org.apache.spark.SparkEnv;
import org.apache.spark.scheduler.MapStatus;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Option;

/**
 * Frees map outputs that Spark does not know any more. Of removed shuffles it tells only executors whose block manager is
 * registered at that moment, and after a fetch failure one is not, until its next heartbeat. Of map outputs that it gave up after a
 * fetch failure, and of those of attempts that lost against another one, it tells nobody.
 *
 * <p>An output that was just committed is not known yet, nor is one that just moved here: only outputs of a certain age are asked
 * for, and one is freed when the driver did not know it twice in a row. One that the driver knew is asked for again after
 * {@link #ROUNDS_OF_TRUST} periods.
 *
 * <p>Threading: one thread, {@code mooncake-shuffles-<executor>}; waiting for the driver delays nobody.
 */
final class ForgottenShuffles implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ForgottenShuffles.class);
    private static final Duration PERIOD = Duration.ofSeconds(30);

    /** Longer than a driver takes to note the end of a task, if it is not stuck. */
    private static final Duration MAP_AGE = Duration.ofMinutes(2);

    /** Of map outputs that the driver knew, or that belong to a shuffle that was not complete: five minutes. */
    private static final int ROUNDS_OF_TRUST = 10;

    private static final int MAX_MAPS_OF_MESSAGE = 100_000;

    private final MapOutputStore store;
    private final Driver driver;
    private final ScheduledExecutorService thread;
    private Map<Integer, Set<Long>> unknown = new HashMap<>();
    private Map<Integer, Set<Long>> trusted = new HashMap<>();
    private int rounds;

    /** The way to {@link #among}. */
    interface Driver {
        /** Returns those of {@code held} that are not registered any more. */
        int[] forgotten(int[] held) throws IOException;

        /** Returns the map ids in {@code held} that are not known as outputs of their shuffle; both begin with the shuffle's id. */
        long[] forgotten(long[] held) throws IOException;
    }

    private ForgottenShuffles(String executorId, MapOutputStore store, Driver driver) {
        this.store = store;
        this.driver = driver;
        this.thread = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread made = new Thread(task, "mooncake-shuffles-" + executorId);
            made.setDaemon(true);
            return made;
        });
    }

    static ForgottenShuffles start(String executorId, MapOutputStore store, Driver driver) {
        ForgottenShuffles started = new ForgottenShuffles(executorId, store, driver);
        var unused = started.thread.scheduleWithFixedDelay(
                started::free, PERIOD.toSeconds(), PERIOD.toSeconds(), TimeUnit.SECONDS);
        return started;
    }

    /** Driver: returns those of {@code held} that Spark does not know any more. It knows a shuffle before its first task. */
    static int[] among(int[] held) {
        MapOutputTrackerMaster tracker = tracker();
        return Arrays.stream(held)
                .filter(shuffle -> !tracker.containsShuffle(shuffle))
                .toArray();
    }

    /**
     * Driver: returns the shuffle's id and those of the map ids behind it that no map status names. There is none if the shuffle is
     * not registered, nor while one of its map outputs is missing: the driver may not have handled the end of its task yet.
     */
    static long[] among(long[] held) {
        Option<ShuffleStatus> status = tracker().shuffleStatuses().get((int) held[0]);
        long[] asked = Arrays.copyOfRange(held, 1, held.length);
        Arrays.sort(asked);
        BitSet forgotten = new BitSet(asked.length);
        if (status.isDefined()) {
            forgotten.set(0, asked.length);
            var unused = status.get().withMapStatuses(statuses -> {
                strikeOutKnown(statuses, asked, forgotten);
                return forgotten;
            });
        }
        return LongStream.concat(LongStream.of(held[0]), forgotten.stream().mapToLong(index -> asked[index]))
                .toArray();
    }

    private static void strikeOutKnown(@Nullable MapStatus[] statuses, long[] asked, BitSet forgotten) {
        for (MapStatus each : statuses) {
            if (each == null) {
                forgotten.clear();
                return;
            }
            int index = Arrays.binarySearch(asked, each.mapId());
            if (index >= 0) {
                forgotten.clear(index);
            }
        }
    }

    private static MapOutputTrackerMaster tracker() {
        if (SparkEnv.get().mapOutputTracker() instanceof MapOutputTrackerMaster tracker) {
            return tracker;
        }
        throw new IllegalStateException("only the driver knows which map outputs are registered");
    }

    /** Asks once. */
    void free() {
        int[] held =
                store.stored().keySet().stream().mapToInt(Integer::intValue).toArray();
        if (held.length == 0) {
            return;
        }
        try {
            for (int shuffle : driver.forgotten(held)) {
                LOG.info(
                        "shuffle {} was removed while this executor could not be told: its map outputs are freed",
                        shuffle);
                store.removeShuffle(shuffle);
            }
            freeMaps();
        } catch (IOException | RuntimeException e) {
            LOG.debug("the driver could not be asked which map outputs it has removed; it is asked again", e);
        }
    }

    private void freeMaps() throws IOException {
        Map<Integer, Set<Long>> found = new HashMap<>();
        Map<Integer, Set<Long>> trustedBefore = ++rounds % ROUNDS_OF_TRUST == 0 ? Map.of() : trusted;
        trusted = new HashMap<>();
        for (Map.Entry<Integer, List<Long>> shuffle : store.storedFor(MAP_AGE).entrySet()) {
            Set<Long> held = new HashSet<>(shuffle.getValue());
            Set<Long> known = trustedBefore.getOrDefault(shuffle.getKey(), Set.of());
            Set<Long> missing = missing(
                    shuffle.getKey(),
                    held.stream().filter(id -> !known.contains(id)).toList());
            held.removeAll(missing);
            trusted.put(shuffle.getKey(), held);
            Set<Long> before = unknown.getOrDefault(shuffle.getKey(), Set.of());
            List<Long> twice = missing.stream().filter(before::contains).toList();
            twice.forEach(mapId -> store.removeMap(shuffle.getKey(), mapId));
            if (!twice.isEmpty()) {
                LOG.info(
                        "{} map outputs of shuffle {} are freed: the driver has forgotten them, after a fetch failure or because"
                                + " another attempt won",
                        twice.size(),
                        shuffle.getKey());
            }
            found.put(shuffle.getKey(), missing);
        }
        unknown = found;
    }

    private Set<Long> missing(int shuffleId, List<Long> mapIds) throws IOException {
        Set<Long> missing = new HashSet<>();
        for (int start = 0; start < mapIds.size(); start += MAX_MAPS_OF_MESSAGE) {
            List<Long> some = mapIds.subList(start, Math.min(mapIds.size(), start + MAX_MAPS_OF_MESSAGE));
            long[] asked = LongStream.concat(
                            LongStream.of(shuffleId), some.stream().mapToLong(Long::longValue))
                    .toArray();
            LongStream.of(driver.forgotten(asked)).skip(1).forEach(missing::add);
        }
        return missing;
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
