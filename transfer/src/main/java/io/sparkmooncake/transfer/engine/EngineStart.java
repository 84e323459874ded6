// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.engine.LocalEngine.Ways;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.shm.ShmTransport;
import io.sparkmooncake.transfer.spi.Transport;
import io.sparkmooncake.transfer.tcp.Identity;
import io.sparkmooncake.transfer.tcp.TcpTransport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/** Puts the real transports together for {@link LocalEngine#start}; whatever was started is closed when a later step fails. */
final class EngineStart {
    private EngineStart() {}

    static LocalEngine start(Identity identity, TransferSettings settings) throws TransferException {
        AtomicInteger threads = new AtomicInteger();
        ExecutorService controlThreads = Executors.newCachedThreadPool(task -> {
            Thread thread = new Thread(task, "mooncake-control-" + identity.name() + "-" + threads.incrementAndGet());
            thread.setDaemon(true);
            return thread;
        });
        boolean started = false;
        try {
            TcpTransport tcp = TcpTransport.start(identity, settings, controlThreads);
            List<Transport> transports = new ArrayList<>();
            for (String path : settings.paths()) {
                transports.add(path.equals("tcp") ? tcp : shm(settings));
            }
            LocalEngine engine = LocalEngine.assemble(
                    new Life(identity.name(), identity.epoch()),
                    identity.host(),
                    AgentThread.start("mooncake-agent-" + identity.name()),
                    new Ways(tcp, transports, controlThreads::shutdownNow),
                    size -> controlMemory(settings, size),
                    settings);
            started = true;
            return engine;
        } finally {
            if (!started) {
                controlThreads.shutdownNow();
            }
        }
    }

    private static Transport shm(TransferSettings settings) {
        try {
            return ShmTransport.start(settings.memory());
        } catch (IOException e) {
            return new UnavailableTransport(
                    "shm",
                    "this process cannot create shareable memory in "
                            + settings.memory().dir() + ": " + e.getMessage() + "; see spark.mooncake.memory.dir");
        }
    }

    /** Shareable where that is possible, so that a same-host peer's first word needs no network. */
    private static HostRegion controlMemory(TransferSettings settings, long sizeBytes) {
        try {
            return Regions.create(Path.of(settings.memory().dir()), sizeBytes, Location.ANY);
        } catch (IOException e) {
            return Regions.allocate(sizeBytes);
        }
    }
}
