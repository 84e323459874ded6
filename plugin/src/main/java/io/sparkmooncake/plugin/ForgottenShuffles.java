// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.shuffle.store.MapOutputStore;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.spark.MapOutputTrackerMaster;
import org.apache.spark.SparkEnv;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frees map outputs of shuffles that Spark removed without telling this executor: it tells only those whose block manager is
 * registered at that moment, and after a fetch failure one is not, until its next heartbeat.
 *
 * <p>Threading: one thread, {@code mooncake-shuffles-<executor>}; waiting for the driver delays nobody.
 */
final class ForgottenShuffles implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ForgottenShuffles.class);
    private static final Duration PERIOD = Duration.ofSeconds(30);

    private final MapOutputStore store;
    private final Driver driver;
    private final ScheduledExecutorService thread;

    /** The way to {@link #among}. */
    @FunctionalInterface
    interface Driver {
        /** Returns those of {@code held} that are not registered any more. */
        int[] forgotten(int[] held) throws IOException;
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
        if (!(SparkEnv.get().mapOutputTracker() instanceof MapOutputTrackerMaster tracker)) {
            throw new IllegalStateException("only the driver knows which shuffles are registered");
        }
        return Arrays.stream(held)
                .filter(shuffle -> !tracker.containsShuffle(shuffle))
                .toArray();
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
        } catch (IOException | RuntimeException e) {
            LOG.debug("the driver could not be asked which shuffles it has removed; it is asked again", e);
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
