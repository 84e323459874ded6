// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.engine.testing.FakeTransport.Fault;
import io.sparkmooncake.transfer.engine.testing.HeapRegion;
import io.sparkmooncake.transfer.engine.testing.ManualAgent;
import io.sparkmooncake.transfer.memory.Location;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

final class ConnectionTest {
    private static final Duration MINUTE = Duration.ofSeconds(60);

    private final ManualAgent agent = new ManualAgent();
    private final FakeProcess.World world = new FakeProcess.World(agent);
    private final FakeProcess one = world.start("1", 0x11);
    private final FakeProcess two = world.start("2", 0x22);

    @Test
    void offersEveryPathThatWasProvedInOrderOfPreference() {
        Peer peer = agent.done(one.connect(two));
        assertThat(peer.record()).isEqualTo(two.record());
        assertThat(peer.paths()).extracting(PathReport::path).containsExactly("shm", "tcp");
        assertThat(peer.paths()).allSatisfy(path -> {
            assertThat(path.offered()).isTrue();
            assertThat(path.reason()).startsWith("word 11/").endsWith("was read back and confirmed");
        });
        assertThat(agent.alarms()).isZero();
    }

    @Test
    void goesOnToTheNextPathAndKeepsTheReasonOfTheRefusedOne() {
        assertRefused(Fault.REFUSES, "other boot id");
        assertRefused(Fault.THROWS, "failed: java.lang.IllegalStateException: a defect");
        assertRefused(Fault.FAILS_TRANSFERS, "warm-up READ failed: Requested address not found");
        assertRefused(Fault.LOSES_WRITES, "wrote word=11/");
        assertRefused(Fault.OTHER_MEMORY, "it reaches other memory than the peer's");
        assertRefused(Fault.STALE_COPY, "it reaches other memory than the peer's");
        assertRefused(Fault.DEVICE_ONLY, "does not move bytes between location=* here and location=* there");
    }

    @Test
    void takesTheProofOfALinkThatReachesNoHostMemory() {
        one.shm.fault(Fault.PROVES_ITSELF);
        Peer peer = agent.done(one.connect(two));
        assertThat(peer.paths()).allSatisfy(path -> assertThat(path.offered()).isTrue());
        assertThat(peer.paths().get(0).reason()).isEqualTo("a word of the device was read back");
        assertThat(agent.alarms()).isZero();
    }

    private void assertRefused(Fault fault, String reason) {
        FakeProcess third = world.start("third-" + fault, 0x33);
        one.shm.fault(fault);
        CompletableFuture<Peer> connecting = one.connect(third);
        List<PathReport> paths = agent.done(connecting).paths();
        assertThat(paths.get(0).offered()).as("%s", fault).isFalse();
        assertThat(paths.get(0).reason()).contains(reason);
        assertThat(paths.get(1).offered()).isTrue();
        assertThat(one.shm.openLinks()).as("links of refused paths are closed").isZero();
    }

    @Test
    void doesNotWaitLongForASilentPathOnceAnotherIsProved() {
        for (Fault fault : List.of(Fault.SILENT, Fault.STALLS_TRANSFERS)) {
            FakeProcess third = world.start("third-" + fault, 0x33);
            one.shm.fault(fault);
            CompletableFuture<Peer> connecting = one.engine.connect(third.record());
            agent.advance(Duration.ofMillis(4_999));
            assertThat(connecting).isNotDone();
            agent.advance(Duration.ofMillis(1));
            assertThat(agent.done(connecting).paths().get(0).reason())
                    .isEqualTo("was silent for 5 s after another path was proved");
        }
    }

    @Test
    void failsAtOnceWithTheTableWhenNoPathIsProved() {
        one.shm.fault(Fault.OTHER_MEMORY);
        one.tcp.fault(Fault.REFUSES);
        TransferException failure = agent.failure(one.connect(two));
        assertThat(failure.code()).isEqualTo(Code.UNREACHABLE);
        assertThat(failure)
                .hasMessageMatching(
                        "(?s)1 of 1 peers not connected after 0.0 s .spark.mooncake.connect.timeout=60.0 s.\n"
                                + "peer . address . state . paths . last error . check first\n"
                                + "2 . host-2:10002 . WAITING_WARMUP_TRANSFER for 0.0 s: proving paths . "
                                + "shm: read word=0/0 where the peer keeps word=22/\\d+: it reaches other memory than the peer's; "
                                + "tcp: other boot id . no path was proved . the reason of each path; "
                                + "spark.mooncake.transfer.paths=tcp rules out all others");
        one.assertNothingLeft();
        assertThat(two.engine.lentSlots()).isZero();
    }

    @Test
    void failsAtTheDeadlineWhileDialling() {
        two.plane.beSilent();
        CompletableFuture<Peer> connecting = one.connect(two);
        agent.advance(Duration.ofMillis(59_999));
        assertThat(connecting).isNotDone();
        agent.advance(Duration.ofMillis(1));
        TransferException failure = agent.failure(connecting);
        assertThat(failure.code()).isEqualTo(Code.TIMED_OUT);
        assertThat(failure)
                .hasMessageContaining(
                        "2 | host-2:10002 | WAITING_PEER_WARMUP for 60.0 s: dialing | none tried | no answer while"
                                + " dialing | that host-2:10002 can be reached from this host (firewall");
        one.assertNothingLeft();
    }

    @Test
    void failsAtTheDeadlineWhileThePeerGrantsNoSlots() {
        two.plane.swallow(request -> request.get(1) == WarmUpFrame.GRANT);
        CompletableFuture<Peer> connecting = one.connect(two);
        agent.advance(MINUTE);
        assertThat(agent.failure(connecting))
                .hasMessageContaining("WAITING_PEER_WARMUP for 60.0 s: asking for warm-up slots")
                .hasMessageContaining("and that 2 is not stuck");
        one.assertNothingLeft();
    }

    @Test
    void failsAtTheDeadlineWhileEveryPathStalls() {
        one.shm.fault(Fault.STALLS_TRANSFERS);
        one.tcp.fault(Fault.SILENT);
        CompletableFuture<Peer> connecting = one.connect(two);
        agent.advance(MINUTE);
        assertThat(agent.failure(connecting))
                .hasMessageContaining("WAITING_WARMUP_TRANSFER for 60.0 s: proving paths")
                .hasMessageContaining("shm: no verdict yet, reading, writing and reading back a slot")
                .hasMessageContaining("tcp: no verdict yet, opening a link");
        one.assertNothingLeft();
        assertThat(two.engine.lentSlots()).isZero();
    }

    @Test
    void failsAtTheDeadlineWhileThePeerConfirmsNothing() {
        two.plane.swallow(request -> request.get(1) == WarmUpFrame.CONFIRM);
        CompletableFuture<Peer> connecting = one.connect(two);
        agent.advance(MINUTE);
        assertThat(agent.failure(connecting))
                .hasMessageContaining("WAITING_PEER_WARMUP for 60.0 s: asking what it saw in its slots")
                .hasMessageContaining("shm: proved, word 11/");
        one.assertNothingLeft();
        assertThat(two.engine.lentSlots()).isZero();
    }

    @Test
    void concurrentCallersShareOneAttemptAndThenOneConnection() {
        two.plane.swallow(request -> request.get(1) == WarmUpFrame.CONFIRM
                && two.plane.dials() == 1
                && !agent.now().isZero());
        List<CompletableFuture<Peer>> connecting = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            connecting.add(one.engine.connect(two.record()));
        }
        agent.run();
        connecting.add(one.engine.connect(two.record()));
        assertThat(two.plane.dials()).isEqualTo(1);
        assertThat(connecting.stream().map(agent::done).distinct()).hasSize(1);
    }

    @Test
    void aCallerThatCancelsHarmsNobodyElse() {
        CompletableFuture<Peer> first = one.engine.connect(two.record());
        CompletableFuture<Peer> second = one.engine.connect(two.record());
        first.cancel(true);
        agent.run();
        assertThat(second).isCompleted();
    }

    @Test
    void aLostPeerStaysLostAndItsSuccessorIsAnotherObject() {
        Peer peer = agent.done(one.connect(two));
        two.plane.die("Connection reset by peer");
        agent.run();
        assertThat(peer.lost()).isCompletedWithValue("its control channel broke: Connection reset by peer");
        assertThat(one.shm.openLinks() + one.tcp.openLinks()).isZero();
        FakeProcess successor = world.start("2", 0x23);
        CompletableFuture<Peer> next = one.connect(successor);
        assertThat(agent.done(next)).isNotSameAs(peer);
        assertThat(peer.lost()).isDone();
        assertThat(agent.done(next).lost()).isNotDone();
    }

    @Test
    void aProcessKnownToBeGoneIsNotDialledAgain() {
        Peer peer = agent.done(one.connect(two));
        one.engine.peerLost("2", 0x22, "executor 2 was removed: heartbeat timed out");
        agent.run();
        assertThat(peer.lost()).isCompletedWithValue("executor 2 was removed: heartbeat timed out");
        CompletableFuture<Peer> again = one.connect(two);
        assertThat(agent.failure(again).code()).isEqualTo(Code.PEER_GONE);
        assertThat(agent.failure(again)).hasMessageContaining("executor 2 was removed: heartbeat timed out");
        assertThat(two.plane.dials()).isEqualTo(1);
    }

    @Test
    void peerLostEndsAnAttemptInEveryState() {
        for (int op : new int[] {0, WarmUpFrame.GRANT, WarmUpFrame.CONFIRM}) {
            FakeProcess third = world.start("third" + op, 0x33);
            if (op == 0) {
                third.plane.beSilent();
            } else {
                third.plane.swallow(request -> request.get(1) == op);
            }
            CompletableFuture<Peer> connecting = one.connect(third);
            assertThat(connecting).isNotDone();
            one.engine.peerLost("third" + op, 0x33, "gone");
            agent.run();
            assertThat(agent.failure(connecting)).hasMessageContaining("| gone |");
        }
        assertThat(one.shm.openLinks() + one.tcp.openLinks()).isZero();
    }

    @Test
    void aMessageMeantForAnEarlierLifeIsRefused() {
        PeerRecord stale = new PeerRecord(
                "2", 0x21, "host-2", two.record().port(), two.record().attributes());
        CompletableFuture<Peer> connecting = one.engine.connect(stale);
        agent.run();
        assertThat(agent.failure(connecting))
                .hasMessageContaining(
                        "2 (host-2:10002) lives epoch=22 and was asked as epoch=21: the record that 1 uses is of"
                                + " an earlier life");
    }

    @Test
    void aLateMessageOfARemovedPeerIsRefused() {
        two.engine.peerLost("1", 0x11, "executor 1 was removed");
        CompletableFuture<Peer> connecting = one.connect(two);
        assertThat(agent.failure(connecting))
                .hasMessageContaining(
                        "1 epoch=11 was removed: executor 1 was removed; a late message of it is dropped");
    }

    @Test
    void connectAllYieldsPeersInOrderOrOneRowForEachThatIsMissing() {
        FakeProcess three = world.start("3", 0x33);
        FakeProcess four = world.start("4", 0x44);
        CompletableFuture<List<Peer>> all = one.engine.connectAll(List.of(four.record(), two.record(), three.record()));
        agent.run();
        assertThat(agent.done(all)).extracting(peer -> peer.record().name()).containsExactly("4", "2", "3");

        FakeProcess five = world.start("5", 0x55);
        five.plane.beSilent();
        FakeProcess six = world.start("6", 0x66);
        six.plane.die("killed");
        CompletableFuture<List<Peer>> some = one.engine.connectAll(List.of(two.record(), five.record(), six.record()));
        agent.advance(MINUTE);
        assertThat(agent.failure(some))
                .hasMessageContaining("2 of 3 peers not connected after 60.0 s")
                .hasMessageContaining("\n5 | host-5:10005 | WAITING_PEER_WARMUP for 60.0 s: dialing")
                .hasMessageContaining("\n6 | host-6:10006 | WAITING_PEER_WARMUP for 60.0 s: dialing again")
                .hasMessageNotContaining("\n2 |");
    }

    @Test
    void closingEndsAttemptsAndConnections() {
        Peer peer = agent.done(one.connect(two));
        FakeProcess three = world.start("3", 0x33);
        three.plane.beSilent();
        CompletableFuture<Peer> connecting = one.connect(three);
        Thread closer = new Thread(one.engine::close, "closer");
        closer.start();
        while (closer.isAlive()) {
            agent.run();
            Thread.onSpinWait();
        }
        assertThat(agent.failure(connecting).code()).isEqualTo(Code.CLOSED);
        assertThat(peer.lost()).isCompletedWithValue("this engine was closed");
        assertThat(agent.failure(one.engine.connect(two.record())).code()).isEqualTo(Code.CLOSED);
    }

    @Test
    void controlMemoryIsHostMemoryWhateverTheProcessComputesWith() {
        assertThat(one.connect(two)).isCompleted();
        FakeProcess device = world.start("gpu", 0x77, new Location(Location.Kind.CUDA, 0));
        CompletableFuture<Peer> connecting = one.connect(device);
        assertThat(agent.failure(connecting))
                .hasMessageContaining("control memory must be host memory and location=cuda:0 was given");
    }

    @Test
    void refusesARegionWhoseLocationIsNotItsKind() {
        HeapRegion region = new HeapRegion(900, 64, new Location(Location.Kind.CUDA, 1));
        assertThatThrownBy(() -> one.engine.register(region))
                .hasMessageContaining("region=900 is host memory and says location=cuda:1");
        assertThat(region.counts()).isEqualTo(1);
    }
}
