// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import static io.sparkmooncake.transfer.testing.ContractBench.completed;
import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Transport;
import io.sparkmooncake.transfer.tcp.Identity;
import io.sparkmooncake.transfer.testing.ContractBench;
import io.sparkmooncake.transfer.testing.OwnerProcess;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** Engines of two processes: the table of paths, and which of them the engine takes for which memories. */
final class LinkEngines {
    private static final int MIB = 1 << 20;
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final List<String> ALL = List.of("mnnvl", "nvlink", "staged", "shm", "tcp");

    private final LinkChecks checks;

    LinkEngines(LinkChecks checks) {
        this.checks = checks;
    }

    void run() throws Exception {
        checks.check("an engine with every path", () -> carries(ALL, "nvlink", "shm"));
        checks.check("without nvlink", () -> carries(List.of("mnnvl", "staged", "shm", "tcp"), "staged", "shm"));
        checks.check("tcp alone carries", () -> carries(List.of("staged", "tcp"), "staged", "tcp"));
    }

    /** An owner that is an engine. */
    public static final class Fixture extends DeviceFixture {
        @Override
        public End open(String name) throws Exception {
            LocalEngine engine = engine(name, ALL, device(name));
            return new End() {
                @Override
                public Transport transport() {
                    return new Registering(engine);
                }

                @Override
                public PeerRecord record() {
                    return engine.self();
                }

                @Override
                public long refusedRequests() {
                    return 0;
                }

                @Override
                public void close() {
                    engine.close();
                }
            };
        }
    }

    /** What an owner does with a transport, done by its engine. */
    private record Registering(LocalEngine engine) implements Transport {
        @Override
        public String name() {
            return "engine";
        }

        @Override
        public java.util.Map<String, String> attributes() {
            return engine.self().attributes();
        }

        @Override
        public void register(MemoryRegion region) {
            engine.register(region);
        }

        @Override
        public void unregister(MemoryRegion region) {
            engine.unregister(region);
        }

        @Override
        public java.util.concurrent.CompletableFuture<io.sparkmooncake.transfer.spi.Reachability> link(
                PeerRecord peer) {
            throw new UnsupportedOperationException("an engine connects");
        }

        @Override
        public long refusedRequests() {
            return 0;
        }

        @Override
        public void close() {
            engine.close();
        }
    }

    static LocalEngine engine(String name, List<String> paths, Device device) throws Exception {
        byte[] secret = "a secret of the application".getBytes(StandardCharsets.UTF_8);
        long epoch = ThreadLocalRandom.current().nextLong();
        TransferSettings settings = TransferSettings.read(java.util.Map.of()).withPaths(paths);
        return LocalEngine.start(
                new Identity(name, epoch, "127.0.0.1", secret), settings, DevicePaths.sources(List.of(device)));
    }

    private void carries(List<String> paths, String devices, String hosts) throws Exception {
        Fixture fixture = new Fixture();
        Device device = fixture.device();
        try (LocalEngine engine = engine("reader", paths, device);
                OwnerProcess owner = OwnerProcess.start(Fixture.class, "owner", ContractBench.DIR)) {
            Peer peer = engine.connect(owner.record()).get(60, TimeUnit.SECONDS);
            for (PathReport path : peer.paths()) {
                checks.say("    path %s: %s: %s", path.path(), path.offered() ? "offered" : "refused", path.reason());
            }
            assertThat(peer.paths())
                    .anySatisfy(path -> assertThat(path.path() + path.offered()).isEqualTo(devices + true));
            RegionDescriptor source = owner.create(9 * MIB, 3);
            MemoryRegion local = fixture.create(ContractBench.DIR, 9 * MIB);
            engine.register(local);
            TransferBatch batch = new TransferBatch(Opcode.READ, TIMEOUT);
            batch.add(local, 1, source, 2, 9 * MIB - 2);
            peer.submit(batch);
            completed(batch.completion().get(60, TimeUnit.SECONDS));
            assertThat(fixture.mismatch(local, 1, 9 * MIB - 2, 3, 2)).isEqualTo(-1);
            HostRegion host = Regions.create(ContractBench.DIR, MIB, Location.ANY);
            TransferBatch back = new TransferBatch(Opcode.WRITE, TIMEOUT);
            back.add(host, 0, source, 0, MIB);
            peer.submit(back);
            completed(back.completion().get(60, TimeUnit.SECONDS));
            long moved = engine.traffic().stream()
                    .filter(each -> each.path().equals(devices))
                    .mapToLong(each -> each.bytesRead() + each.bytesWritten())
                    .sum();
            assertThat(moved).as("bytes over %s", devices).isEqualTo(10 * MIB - 2);
            assertThat(peer.paths())
                    .anySatisfy(path -> assertThat(path.path() + path.offered()).isEqualTo(hosts + true));
            engine.unregister(local);
            local.release();
            host.release();
        }
        assertThat(device.plain().held() + device.virtual().held()).isZero();
    }
}
