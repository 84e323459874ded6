// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.Peer.Submission;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.testing.FakeTransport;
import io.sparkmooncake.transfer.engine.testing.FakeTransport.Fault;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Two engines with the real transports in one JVM. */
final class LocalEngineTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final byte[] SECRET = "a secret of the application".getBytes(StandardCharsets.UTF_8);

    private final HostedStore host = new HostedStore(1 << 20);
    private final List<AutoCloseable> opened = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (int i = opened.size() - 1; i >= 0; i--) {
            opened.get(i).close();
        }
    }

    private <T extends AutoCloseable> T open(T closeable) {
        opened.add(closeable);
        return closeable;
    }

    private record Executor(LocalEngine engine, PeerDirectory directory) {}

    private Executor start(String name, String paths) throws Exception {
        return start(
                name, Map.of("spark.mooncake.transfer.paths", paths, "spark.mooncake.transfer.maxBytesInFlight", "1m"));
    }

    private Executor start(String name, Map<String, String> conf) throws Exception {
        TransferSettings settings = TransferSettings.read(conf);
        LocalEngine engine =
                open(LocalEngine.start(new Identity(name, name.hashCode(), "127.0.0.1", SECRET), settings));
        RemoteStore store = open(RemoteStore.start(name, engine.agent(), host::answer, TIMEOUT));
        PeerDirectory directory =
                open(PeerDirectory.join(engine, store.namespace("app")).get(60, TimeUnit.SECONDS));
        return new Executor(engine, directory);
    }

    private HostRegion region(Executor owner, long sizeBytes) throws Exception {
        HostRegion region = Regions.create(Path.of("/dev/shm"), sizeBytes, Location.ANY);
        owner.engine.register(region);
        return region;
    }

    @Test
    void aTransportThatCannotUnregisterARegionHoldsUpNeitherTheOthersNorTheRegion() throws Exception {
        FakeTransport standing = new FakeTransport("nvlink", "one", new ConcurrentHashMap<>());
        FakeTransport other = new FakeTransport("staged", "one", new ConcurrentHashMap<>());
        TransferSettings settings =
                TransferSettings.read(Map.of("spark.mooncake.transfer.paths", "nvlink,staged,shm,tcp"));
        LocalEngine engine = open(LocalEngine.start(
                new Identity("one", 1, "127.0.0.1", SECRET),
                settings,
                Map.of(
                        "nvlink",
                        (control, carriers, directory) -> standing,
                        "staged",
                        (control, carriers, directory) -> other)));
        int before = other.regions();
        HostRegion region = Regions.create(Path.of("/dev/shm"), 4096, Location.ANY);
        engine.register(region);
        assertThat(other.regions()).isEqualTo(before + 1);

        standing.fault(Fault.KEEPS_REGIONS);
        assertThatThrownBy(() -> engine.unregister(region)).hasMessage("the device stands still");
        standing.fault(Fault.NONE);

        assertThat(other.regions()).isEqualTo(before);
        region.release();
        assertThat(region.tryRetain()).isFalse();
    }

    @Test
    void movesBytesBetweenExecutorsThatFoundEachOtherByName() throws Exception {
        Executor one = start("one", "shm,tcp");
        Executor two = start("two", "shm,tcp");
        HostRegion theirs = region(two, 1 << 20);
        theirs.slice(100, 5).put("hello".getBytes(StandardCharsets.UTF_8));
        two.engine.serve("describe", (from, request) -> {
            assertThat(from.name()).isEqualTo("one");
            return describe(theirs.descriptor());
        });
        Peer peer = one.directory.peer("two").get(60, TimeUnit.SECONDS);
        assertThat(peer.paths()).extracting(PathReport::path).containsExactly("shm", "tcp");
        assertThat(peer.paths())
                .allSatisfy(path -> assertThat(path.offered()).as(path.reason()).isTrue());
        ByteBuffer answer =
                peer.ask("describe", ByteBuffer.allocate(0), TIMEOUT).get(60, TimeUnit.SECONDS);
        RegionDescriptor descriptor = descriptor(answer);
        assertThat(descriptor).isEqualTo(theirs.descriptor());

        HostRegion mine = region(one, 1 << 20);
        TransferBatch read = new TransferBatch(Opcode.READ, TIMEOUT);
        read.add(mine, 0, descriptor, 100, 5);
        assertThat(peer.submit(read)).isEqualTo(Submission.ACCEPTED);
        assertThat(read.completion().get(60, TimeUnit.SECONDS).firstFailure()).isEmpty();
        assertThat(StandardCharsets.UTF_8.decode(mine.slice(0, 5)).toString()).isEqualTo("hello");

        Optional<HostRegion> mapped = peer.map(descriptor);
        assertThat(StandardCharsets.UTF_8
                        .decode(mapped.orElseThrow().slice(100, 5))
                        .toString())
                .isEqualTo("hello");
        mapped.orElseThrow().release();
        assertThat(one.engine.traffic())
                .extracting(PathTraffic::path, PathTraffic::bytesRead, PathTraffic::regionsMapped)
                .containsExactly(tuple("shm", 5L, 1L), tuple("tcp", 0L, 0L));
        one.engine.unregister(mine);
        mine.release();
        two.engine.unregister(theirs);
        theirs.release();
    }

    /** Control threads start with their first work: here nobody asks for anything else. */
    @Test
    void idleMappingsAreDroppedOnAControlThreadAndNotOnTheAgent() throws Exception {
        Executor one = start("one", Map.of("spark.mooncake.memory.idle", "100ms"));
        Executor two = start("two", "shm,tcp");
        HostRegion theirs = region(two, 1 << 20);
        Peer peer = one.directory.peer("two").get(60, TimeUnit.SECONDS);
        HostRegion mapped = peer.map(theirs.descriptor()).orElseThrow();
        mapped.release();
        Awaitility.await().atMost(TIMEOUT).until(() -> {
            boolean kept = mapped.tryRetain();
            if (kept) {
                mapped.release();
            }
            return !kept;
        });
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .anyMatch(name -> name.startsWith("mooncake-control-one-"));
        two.engine.unregister(theirs);
        theirs.release();
    }

    @Test
    void tellsASubmitterToWaitBeyondTheLimitInFlight() throws Exception {
        Executor one = start("one", "tcp");
        Executor two = start("two", "tcp");
        HostRegion theirs = region(two, 4 << 20);
        HostRegion mine = region(one, 4 << 20);
        Peer peer = one.directory.peer("two").get(60, TimeUnit.SECONDS);
        List<TransferBatch> accepted = new ArrayList<>();
        int busy = 0;
        for (int i = 0; i < 200; i++) {
            TransferBatch read = new TransferBatch(Opcode.READ, TIMEOUT);
            read.add(mine, 0, theirs.descriptor(), 0, 900_000);
            if (peer.submit(read) == Submission.ACCEPTED) {
                accepted.add(read);
            } else {
                busy++;
            }
        }
        assertThat(busy).isPositive();
        for (TransferBatch read : accepted) {
            assertThat(read.completion().get(60, TimeUnit.SECONDS).firstFailure())
                    .isEmpty();
        }
        TransferBatch larger = new TransferBatch(Opcode.READ, TIMEOUT);
        larger.add(mine, 0, theirs.descriptor(), 0, 4 << 20);
        assertThat(peer.submit(larger)).as("larger than the limit, but alone").isEqualTo(Submission.ACCEPTED);
        assertThat(larger.completion().get(60, TimeUnit.SECONDS).firstFailure()).isEmpty();
        assertThat(one.engine.traffic().get(0).bytesRead()).isEqualTo(accepted.size() * 900_000L + (4 << 20));
        one.engine.unregister(mine);
        mine.release();
        two.engine.unregister(theirs);
        theirs.release();
    }

    @Test
    void saysWhyAPathThatCannotStartHereIsRefused() throws Exception {
        Executor two = start("two", "shm,tcp");
        TransferSettings settings = TransferSettings.read(Map.of("spark.mooncake.memory.dir", "/nowhere"));
        LocalEngine engine = open(LocalEngine.start(new Identity("one", 1, "127.0.0.1", SECRET), settings));
        Peer peer = engine.connect(two.engine.self()).get(60, TimeUnit.SECONDS);
        assertThat(peer.paths().get(0).offered()).isFalse();
        assertThat(peer.paths().get(0).reason()).contains("cannot make shared memory in /nowhere");
        assertThat(peer.paths().get(1).offered()).isTrue();
    }

    @Test
    void refusesAnotherApplicationsSecretWithTheTable() throws Exception {
        Executor two = start("two", "tcp");
        byte[] other = "a secret of another application".getBytes(StandardCharsets.UTF_8);
        LocalEngine engine =
                open(LocalEngine.start(new Identity("one", 1, "127.0.0.1", other), TransferSettings.read(Map.of())));
        assertThatThrownBy(() -> engine.connect(two.engine.self()).get(60, TimeUnit.SECONDS))
                .hasCauseInstanceOf(TransferException.class)
                .hasMessageContaining("1 of 1 peers not connected")
                .hasMessageContaining("two | 127.0.0.1:");
    }

    @Test
    void aClosedEngineIsLostToItsPeersAtOnce() throws Exception {
        Executor one = start("one", "shm,tcp");
        Executor two = start("two", "shm,tcp");
        Peer peer = one.directory.peer("two").get(60, TimeUnit.SECONDS);
        two.directory.close();
        two.engine.close();
        assertThat(peer.lost().get(60, TimeUnit.SECONDS)).isNotEmpty();
    }

    @Test
    void leavesNoThreadBehind() throws Exception {
        Executor one = start("ends", "shm,tcp");
        Executor two = start("stays", "shm,tcp");
        Peer unused = one.directory.peer("stays").get(60, TimeUnit.SECONDS);
        assertThat(two.engine.self().name()).isEqualTo("stays");
        close();
        opened.clear();
        Awaitility.await()
                .atMost(TIMEOUT)
                .untilAsserted(() -> assertThat(Thread.getAllStackTraces().keySet())
                        .extracting(Thread::getName)
                        .noneMatch(name -> name.startsWith("mooncake-") && name.contains("ends")));
    }

    private static ByteBuffer describe(RegionDescriptor descriptor) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        descriptor.writeTo(new DataOutputStream(bytes));
        return ByteBuffer.wrap(bytes.toByteArray());
    }

    private static RegionDescriptor descriptor(ByteBuffer answer) throws IOException {
        byte[] bytes = new byte[answer.remaining()];
        answer.get(bytes);
        return RegionDescriptor.readFrom(new DataInputStream(new ByteArrayInputStream(bytes)));
    }
}
