// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.transfer.TransferEngine;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionListener;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the regions of pools reachable for peers. Unregistering waits for peers that still take bytes, however slow they are, so it
 * has a thread of its own; the engine's count keeps the memory until then.
 *
 * <p>Threading: safe from any thread; nothing blocks except {@link #close}.
 */
final class Registration implements RegionListener, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Registration.class);
    private static final long CLOSE_SECONDS = 2;

    private final TransferEngine engine;
    private final ExecutorService unregistering;

    Registration(TransferEngine engine) {
        this.engine = engine;
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(1, 1, 60, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(
                            task, "mooncake-unregister-" + engine.self().name());
                    thread.setDaemon(true);
                    return thread;
                });
        pool.allowCoreThreadTimeOut(true);
        this.unregistering = pool;
    }

    @Override
    public void created(HostRegion region) {
        engine.register(region);
    }

    @Override
    public void retiring(HostRegion region) {
        try {
            unregistering.execute(() -> unregister(region));
        } catch (RejectedExecutionException e) {
            LOG.debug("region id={} goes with the engine, which is closing", region.id());
        }
    }

    private void unregister(HostRegion region) {
        try {
            engine.unregister(region);
        } catch (RuntimeException e) {
            LOG.warn("region id={} was not unregistered everywhere", region.id(), e);
        }
    }

    /** Unregisters what is quickly unregistered; the engine, closed next, ends the rest. */
    @Override
    public void close() {
        unregistering.shutdown();
        try {
            if (!unregistering.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                unregistering.shutdownNow();
            }
        } catch (InterruptedException e) {
            unregistering.shutdownNow();
            Thread.currentThread().interrupt();
        }
    }
}
