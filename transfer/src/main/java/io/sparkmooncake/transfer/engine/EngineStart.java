// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.shm.ShmTransport;
import io.sparkmooncake.transfer.spi.Transport;
import io.sparkmooncake.transfer.spi.TransportSource;
import io.sparkmooncake.transfer.spi.UnavailableTransport;
import io.sparkmooncake.transfer.tcp.Identity;
import io.sparkmooncake.transfer.tcp.TcpTransport;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes the threads and transports that the settings ask for, and an engine of them. A start that fails leaves nothing. */
final class EngineStart {
    private static final Logger LOG = LoggerFactory.getLogger(EngineStart.class);
    private static final int MIN_CONTROL_THREADS = 16;

    private final Identity identity;
    private final TransferSettings settings;
    private final Agent agent;
    private final ExecutorService controlThreads;

    private final Map<String, TransportSource> sources;
    private final List<Transport> begun = new ArrayList<>();
    private final AtomicBoolean controlMemoryRefused = new AtomicBoolean();
    private volatile boolean sharesMemory;

    private EngineStart(Identity identity, TransferSettings settings, Map<String, TransportSource> sources) {
        this.identity = identity;
        this.settings = settings;
        this.sources = Map.copyOf(sources);
        this.agent = AgentThread.start(identity.name());
        this.controlThreads = controlThreads(identity.name(), settings.tcp().threads());
    }

    static LocalEngine start(Identity identity, TransferSettings settings, Map<String, TransportSource> sources)
            throws TransferException {
        EngineStart start = new EngineStart(identity, settings, sources);
        try {
            return start.start();
        } catch (TransferException | RuntimeException | Error e) {
            start.closeStarted();
            start.controlThreads.shutdownNow();
            start.agent.close();
            throw e;
        }
    }

    private LocalEngine start() throws TransferException {
        TcpTransport tcp = TcpTransport.start(identity, settings, controlThreads);
        begun.add(tcp);
        Map<String, Transport> own = new HashMap<>(Map.of("tcp", tcp));
        if (settings.paths().contains("shm")) {
            Transport shm = startShm();
            begun.add(shm);
            own.put("shm", shm);
        }
        List<Transport> transports = new ArrayList<>();
        for (String path : settings.paths()) {
            Transport known = own.get(path);
            if (known == null) {
                known = started(path, tcp, own);
                begun.add(known);
            }
            transports.add(known);
        }
        LocalEngine.Ways ways = new LocalEngine.Ways(tcp, transports, controlThreads::shutdownNow);
        Life life = new Life(identity.name(), identity.epoch());
        return LocalEngine.assemble(life, identity.host(), agent, ways, this::controlMemory, settings);
    }

    /** After a failure: nobody else closes what was started. */
    private void closeStarted() {
        for (int i = begun.size() - 1; i >= 0; i--) {
            try {
                begun.get(i).close();
            } catch (RuntimeException e) {
                LOG.warn(
                        "peer {}: path {} did not close",
                        identity.name(),
                        begun.get(i).name(),
                        e);
            }
        }
    }

    /** Starts a path of another module. */
    private Transport started(String path, TcpTransport tcp, Map<String, Transport> carriers) {
        TransportSource source = sources.get(path);
        if (source == null) {
            return new UnavailableTransport(path, "this process has no path of that name");
        }
        try {
            return source.start(
                    tcp,
                    Map.copyOf(carriers),
                    java.nio.file.Path.of(settings.memory().dir()));
        } catch (RuntimeException | LinkageError e) {
            LOG.warn("peer {}: path {} is not offered", identity.name(), path, e);
            return new UnavailableTransport(path, "it did not start: " + e);
        }
    }

    private Transport startShm() {
        try {
            ShmTransport shm = ShmTransport.start(settings.memory());
            sharesMemory = true;
            Duration interval = settings.memory().idle().dividedBy(2);
            trimLater(shm, interval.compareTo(Duration.ofSeconds(1)) < 0 ? Duration.ofSeconds(1) : interval);
            return shm;
        } catch (IOException e) {
            String reason = "cannot make shared memory in " + settings.memory().dir() + ": " + e
                    + ". Check spark.mooncake.memory.dir and the room that it has";
            LOG.warn("peer {}: path shm is not offered: {}", identity.name(), reason);
            return new UnavailableTransport("shm", reason);
        }
    }

    /** On a control thread: unmapping gigabytes takes tens of milliseconds, and timers of the agent must not wait for it. */
    private void trimLater(ShmTransport shm, Duration interval) {
        untilClosed(() -> agent.after(
                interval,
                () -> untilClosed(() -> controlThreads.execute(() -> {
                    try {
                        shm.trim(System.nanoTime());
                    } catch (RuntimeException | Error e) {
                        LOG.error("peer {}: idle mappings were not all removed", identity.name(), e);
                    } finally {
                        trimLater(shm, interval);
                    }
                }))));
    }

    private void untilClosed(Runnable step) {
        try {
            step.run();
        } catch (RejectedExecutionException e) {
            LOG.debug("peer {}: the engine ended, mappings are not trimmed any more", identity.name());
        }
    }

    /** Takes all blocks now: a file system that is full is an answer, not a signal when a peer connects. */
    private HostRegion controlMemory(long sizeBytes) throws TransferException {
        if (sharesMemory) {
            try {
                return Regions.createReserved(
                        java.nio.file.Path.of(settings.memory().dir()), sizeBytes, Location.ANY);
            } catch (IOException e) {
                if (controlMemoryRefused.compareAndSet(false, true)) {
                    LOG.warn(
                            "peer {}: no room for {} bytes of control memory in {}: it is private, and peers that connect"
                                    + " from now on are reached over other paths than shm: {}",
                            identity.name(),
                            sizeBytes,
                            settings.memory().dir(),
                            e.toString());
                }
            }
        }
        try {
            return Regions.allocate(sizeBytes);
        } catch (OutOfMemoryError e) {
            throw new TransferException(
                    Code.REFUSED,
                    "no memory outside the heap for " + sizeBytes + " bytes of warm-up slots: raise"
                            + " spark.executor.memoryOverhead",
                    e);
        }
    }

    private static ExecutorService controlThreads(String name, int tcpThreads) {
        int threads = Math.max(MIN_CONTROL_THREADS, 4 * tcpThreads);
        AtomicInteger number = new AtomicInteger();
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(threads, threads, 60, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(task, "mooncake-control-" + name + "-" + number.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }
}
