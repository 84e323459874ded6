// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.ControlPlane;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.spi.Transport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Processes of one JVM: real engines over a control plane and two paths that are method calls. {@code shm} maps memory among those of
 * one host, {@code tcp} moves bytes among all. In this package because engines are assembled here.
 */
public final class SimulatedProcesses {
    private final Map<String, Plane> planes = new ConcurrentHashMap<>();
    private final Map<Long, HostRegion> regions = new ConcurrentHashMap<>();
    private final AtomicInteger ports = new AtomicInteger(10_000);
    private final AtomicInteger connections = new AtomicInteger();

    /** Starts a process. Its agent is the caller's. */
    public LocalEngine start(String name, long epoch, String host, Agent agent, TransferSettings settings) {
        Plane plane = new Plane(name, epoch, host, ports.incrementAndGet());
        planes.put(name, plane);
        LocalEngine.Ways ways =
                new LocalEngine.Ways(plane, List.of(new Way("shm", host), new Way("tcp", host)), () -> {});
        return LocalEngine.assemble(new Life(name, epoch), host, agent, ways, Regions::allocate, settings);
    }

    /** Returns how many control channels were opened between processes. */
    public int connections() {
        return connections.get();
    }

    private final class Plane implements ControlPlane {
        private final String name;
        private final long epoch;
        private final String host;
        private final int port;
        private final Map<String, ControlService> services = new ConcurrentHashMap<>();

        Plane(String name, long epoch, String host, int port) {
            this.name = name;
            this.epoch = epoch;
            this.host = host;
            this.port = port;
        }

        @Override
        public int port() {
            return port;
        }

        @Override
        public void serve(String service, ControlService handler) {
            services.put(service, handler);
        }

        @Override
        public CompletableFuture<ControlChannel> control(PeerRecord peer) {
            Plane target = planes.get(peer.name());
            if (target == null || target.epoch != peer.epoch()) {
                return CompletableFuture.failedFuture(new TransferException(Code.UNREACHABLE, "Connection refused"));
            }
            if (target != this) {
                connections.incrementAndGet();
            }
            return CompletableFuture.completedFuture(new Channel(this, target));
        }

        @Override
        public void forget(String lost, long lostEpoch, String reason) {}

        @Override
        public void close() {
            planes.remove(name, this);
        }
    }

    private record Channel(Plane source, Plane target, CompletableFuture<String> lost) implements ControlChannel {
        Channel(Plane source, Plane target) {
            this(source, target, new CompletableFuture<>());
        }

        @Override
        public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
            ControlService handler = target.services.get(service);
            if (handler == null) {
                return CompletableFuture.failedFuture(new TransferException(Code.REFUSED, "no service=" + service));
            }
            try {
                ControlService.Caller caller = new ControlService.Caller(source.name, source.epoch, source.host);
                return CompletableFuture.completedFuture(handler.answer(caller, request.asReadOnlyBuffer()));
            } catch (Exception e) {
                return CompletableFuture.failedFuture(
                        new TransferException(Code.REFUSED, String.valueOf(e.getMessage()), e));
            }
        }

        @Override
        public void close() {
            lost.complete("closed");
        }
    }

    private final class Way implements Transport {
        private final String name;
        private final String host;

        Way(String name, String host) {
            this.name = name;
            this.host = host;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public Map<String, String> attributes() {
            return Map.of();
        }

        @Override
        public void register(MemoryRegion region) {
            if (region instanceof HostRegion memory) {
                regions.put(region.id(), memory);
            }
        }

        @Override
        public void unregister(MemoryRegion region) {
            regions.remove(region.id());
        }

        @Override
        public CompletableFuture<Reachability> link(PeerRecord peer) {
            boolean reached = name.equals("tcp") || host.equals(peer.host());
            return CompletableFuture.completedFuture(
                    reached ? new Reachability.Reached(new Wire(name)) : new Reachability.Refused("another host"));
        }

        @Override
        public long refusedRequests() {
            return 0;
        }

        @Override
        public void close() {}
    }

    private final class Wire implements Link {
        private final String path;
        private final CompletableFuture<String> lost = new CompletableFuture<>();

        Wire(String path) {
            this.path = path;
        }

        @Override
        public boolean reaches(Location local, RegionDescriptor remote) {
            return true;
        }

        @Override
        public void submit(TransferBatch batch) {
            for (int i = 0; i < batch.count(); i++) {
                HostRegion remote = counted(batch.remote(i).id());
                if (remote == null) {
                    batch.fail(i, 0, new TransferException(Code.REFUSED, "unknown region"));
                    continue;
                }
                HostRegion local = (HostRegion) batch.local(i);
                if (batch.opcode() == Opcode.READ) {
                    Regions.copy(remote, batch.remoteOffset(i), local, batch.localOffset(i), batch.length(i));
                } else {
                    Regions.copy(local, batch.localOffset(i), remote, batch.remoteOffset(i), batch.length(i));
                }
                remote.release();
                batch.complete(i);
            }
        }

        @Override
        public Optional<HostRegion> map(RegionDescriptor region) throws TransferException {
            if (!path.equals("shm")) {
                return Optional.empty();
            }
            try {
                return Optional.of(Regions.importFrom(region));
            } catch (IOException e) {
                throw new TransferException(Code.UNREACHABLE, String.valueOf(e.getMessage()), e);
            }
        }

        private @Nullable HostRegion counted(long id) {
            HostRegion region = regions.get(id);
            return region != null && region.tryRetain() ? region : null;
        }

        @Override
        public CompletableFuture<String> lost() {
            return lost;
        }

        @Override
        public void close() {
            lost.complete("closed");
        }
    }
}
