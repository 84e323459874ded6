// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.engine.testing.EngineProcess;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two executors in two JVMs that find each other through a store, over TCP and shared memory as they are. */
final class TwoEnginesIT {
    private static final Duration MINUTE = Duration.ofSeconds(60);

    private final HostedStore host = new HostedStore(1 << 20);
    private LocalEngine engine;
    private RemoteStore store;
    private PeerDirectory directory;
    private HostRegion mine;

    @BeforeEach
    void open() throws Exception {
        TransferSettings settings = TransferSettings.read(
                Map.of("spark.mooncake.connect.timeout", "20s", "spark.mooncake.transfer.timeout", "20s"));
        engine = LocalEngine.start(new Identity("parent", 1, "127.0.0.1", EngineProcess.secret()), settings);
        store = RemoteStore.start("parent", engine.agent(), host::answer, MINUTE);
        directory = PeerDirectory.join(engine, store).get(60, TimeUnit.SECONDS);
        mine = Regions.create(Path.of("/dev/shm"), 1 << 20, Location.ANY);
        engine.register(mine);
    }

    @AfterEach
    void close() {
        directory.close();
        store.close();
        engine.unregister(mine);
        mine.release();
        engine.close();
    }

    private static RegionDescriptor region(Peer peer) throws Exception {
        ByteBuffer answer = peer.ask("region", ByteBuffer.allocate(0), MINUTE).get(60, TimeUnit.SECONDS);
        byte[] bytes = new byte[answer.remaining()];
        answer.get(bytes);
        return RegionDescriptor.readFrom(new DataInputStream(new ByteArrayInputStream(bytes)));
    }

    private TransferBatch move(Peer peer, Opcode opcode, RegionDescriptor remote, long offset) throws Exception {
        TransferBatch batch = new TransferBatch(opcode, MINUTE);
        batch.add(mine, offset, remote, offset, Long.BYTES);
        peer.submit(batch);
        return batch.completion().get(60, TimeUnit.SECONDS);
    }

    @Test
    void findConnectReadWriteAndLeaveOverEitherPath() throws Exception {
        for (String paths : new String[] {"shm,tcp", "tcp"}) {
            CompletableFuture<Peer> waiting = directory.peer("child-" + paths);
            try (EngineProcess child = EngineProcess.start("child-" + paths, 7, paths, host)) {
                Peer peer = waiting.get(60, TimeUnit.SECONDS);
                assertThat(peer.paths()).extracting(PathReport::path).containsExactly("shm", "tcp");
                assertThat(peer.paths().get(0).offered())
                        .as(peer.paths().get(0).reason())
                        .isEqualTo(paths.startsWith("shm"));
                assertThat(peer.paths().get(1).offered()).isTrue();
                RegionDescriptor remote = region(peer);
                assertThat(move(peer, Opcode.READ, remote, 0).firstFailure()).isEmpty();
                assertThat(mine.slice(0, Long.BYTES).getLong(0)).isEqualTo(child.pid());
                mine.slice(64, Long.BYTES).putLong(0, 4_711);
                assertThat(move(peer, Opcode.WRITE, remote, 64).firstFailure()).isEmpty();
                mine.slice(64, Long.BYTES).putLong(0, 0);
                assertThat(move(peer, Opcode.READ, remote, 64).firstFailure()).isEmpty();
                assertThat(mine.slice(64, Long.BYTES).getLong(0)).isEqualTo(4_711);
                peer.ask("end", ByteBuffer.allocate(0), MINUTE)
                        .exceptionally(endedFirst -> ByteBuffer.allocate(0))
                        .get(60, TimeUnit.SECONDS);
                assertThat(child.await()).isZero();
                assertThat(peer.lost().get(60, TimeUnit.SECONDS)).isNotEmpty();
            }
        }
        assertThat(engine.traffic())
                .allSatisfy(path -> assertThat(path.bytesRead()).isEqualTo(16));
        assertThat(host.figures().keys()).as("children took their records out").isEqualTo(1);
    }

    @Test
    void aKilledExecutorIsLostAtOnceAndItsSuccessorIsFoundUnderItsName() throws Exception {
        Peer before;
        try (EngineProcess child = EngineProcess.start("child", 7, "shm,tcp", host)) {
            before = directory.peer("child").get(60, TimeUnit.SECONDS);
            region(before);
            child.kill();
            assertThat(before.lost().get(60, TimeUnit.SECONDS))
                    .containsAnyOf("control channel broke", "closed the tcp connection");
        }
        TransferBatch late = new TransferBatch(Opcode.READ, MINUTE);
        late.add(mine, 0, mine.descriptor(), 0, 8);
        before.submit(late);
        assertThat(late.completion().get(60, TimeUnit.SECONDS).firstFailure())
                .hasValueSatisfying(failure -> assertThat(failure.code()).isEqualTo(Code.PEER_LOST));
        host.ownerLost("child", "executor 1 exited with code 137");
        CompletableFuture<Peer> again = directory.peer("child");
        assertThatThrownBy(() -> again.get(60, TimeUnit.SECONDS))
                .hasCauseInstanceOf(TransferException.class)
                .hasMessageContaining("1 of 1 peers not connected");
        try (EngineProcess successor = EngineProcess.start("child", 8, "shm,tcp", host)) {
            Peer after = null;
            while (after == null || after.record().epoch() != 8) {
                after = directory.peer("child").handle((peer, failure) -> peer).get(60, TimeUnit.SECONDS);
                Thread.sleep(20);
            }
            RegionDescriptor remote = region(after);
            assertThat(move(after, Opcode.READ, remote, 0).firstFailure()).isEmpty();
            assertThat(mine.slice(0, Long.BYTES).getLong(0)).isEqualTo(successor.pid());
        }
    }

    @Test
    void aFrozenExecutorIsDeclaredLostByTheStoreBeforeAnyTimeout() throws Exception {
        try (EngineProcess child = EngineProcess.start("child", 7, "shm,tcp", host)) {
            Peer peer = directory.peer("child").get(60, TimeUnit.SECONDS);
            child.freeze();
            CompletableFuture<ByteBuffer> asked = peer.ask("region", ByteBuffer.allocate(0), Duration.ofMinutes(5));
            host.ownerLost("child", 7, "executor heartbeat timed out");
            assertThat(peer.lost().get(60, TimeUnit.SECONDS))
                    .isEqualTo("child was removed: executor heartbeat timed out");
            assertThatThrownBy(() -> asked.get(60, TimeUnit.SECONDS)).hasCauseInstanceOf(TransferException.class);
            child.thaw();
            // What the child still believes of itself is refused from now on.
            assertThatThrownBy(() -> engine.connect(peer.record()).get(60, TimeUnit.SECONDS))
                    .hasMessageContaining("child was removed: executor heartbeat timed out");
        }
    }

    @Test
    void connectingAFrozenExecutorFailsWithTheTableAtTheDeadline() throws Exception {
        try (EngineProcess child = EngineProcess.start("child", 7, "shm,tcp", host)) {
            directory.records(List.of("child")).get(60, TimeUnit.SECONDS);
            child.freeze();
            long startNanos = System.nanoTime();
            assertThatThrownBy(() -> directory.peer("child").get(60, TimeUnit.SECONDS))
                    .hasCauseInstanceOf(TransferException.class)
                    .hasMessageContaining("spark.mooncake.connect.timeout=20.0 s")
                    .hasMessageContaining("child | 127.0.0.1:")
                    .hasMessageContaining("| WAITING_PEER_WARMUP for ");
            assertThat(Duration.ofNanos(System.nanoTime() - startNanos)).isLessThan(Duration.ofSeconds(60));
            child.thaw();
        }
    }
}
