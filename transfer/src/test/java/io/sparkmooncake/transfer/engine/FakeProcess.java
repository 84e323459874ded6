// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.engine.testing.FakeNetwork;
import io.sparkmooncake.transfer.engine.testing.FakeTransport;
import io.sparkmooncake.transfer.engine.testing.HeapRegion;
import io.sparkmooncake.transfer.engine.testing.ManualAgent;
import io.sparkmooncake.transfer.memory.Location;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** A process made of fakes: a control plane, two transports called {@code shm} and {@code tcp}, and an engine over them. */
final class FakeProcess {
    static final TransferSettings SETTINGS = TransferSettings.read(Map.of());

    final FakeNetwork.Plane plane;
    final FakeTransport shm;
    final FakeTransport tcp;
    final LocalEngine engine;
    private final ManualAgent agent;

    private FakeProcess(
            FakeNetwork.Plane plane, FakeTransport shm, FakeTransport tcp, LocalEngine engine, ManualAgent agent) {
        this.plane = plane;
        this.shm = shm;
        this.tcp = tcp;
        this.engine = engine;
        this.agent = agent;
    }

    PeerRecord record() {
        return engine.self();
    }

    /** Begins to connect and runs what is due. */
    CompletableFuture<Peer> connect(FakeProcess target) {
        CompletableFuture<Peer> peer = engine.connect(target.record());
        agent.run();
        return peer;
    }

    /** Fails if a timer waits or a link of this process is open. */
    void assertNothingLeft() {
        assertThat(agent.alarms()).isZero();
        assertThat(shm.openLinks() + tcp.openLinks()).isZero();
    }

    /** What the processes of one test share. */
    static final class World {
        final FakeNetwork network = new FakeNetwork();
        final Map<String, FakeTransport> shm = new ConcurrentHashMap<>();
        final Map<String, FakeTransport> tcp = new ConcurrentHashMap<>();
        private final AtomicLong regions = new AtomicLong();
        private final ManualAgent agent;

        World(ManualAgent agent) {
            this.agent = agent;
        }

        FakeProcess start(String name, long epoch) {
            return start(name, epoch, Location.ANY);
        }

        FakeProcess start(String name, long epoch, Location controlMemory) {
            FakeNetwork.Plane plane = network.listen(name, epoch);
            FakeTransport fakeShm = new FakeTransport("shm", name + "#" + epoch, shm);
            FakeTransport fakeTcp = new FakeTransport("tcp", name + "#" + epoch, tcp);
            LocalEngine engine = LocalEngine.assemble(
                    new Life(name, epoch),
                    "host-" + name,
                    agent,
                    new LocalEngine.Ways(plane, List.of(fakeShm, fakeTcp), () -> {}),
                    sizeBytes -> new HeapRegion(regions.incrementAndGet(), sizeBytes, controlMemory),
                    SETTINGS);
            return new FakeProcess(plane, fakeShm, fakeTcp, engine, agent);
        }
    }
}
