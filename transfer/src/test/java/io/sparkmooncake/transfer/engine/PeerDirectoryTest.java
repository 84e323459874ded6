// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.engine.testing.FakeStores;
import io.sparkmooncake.transfer.engine.testing.ManualAgent;
import io.sparkmooncake.transfer.store.HostedStore;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

final class PeerDirectoryTest {
    private static final Duration MINUTE = Duration.ofSeconds(60);

    private final ManualAgent agent = new ManualAgent();
    private final FakeProcess.World world = new FakeProcess.World(agent);
    private final HostedStore host = new HostedStore(1 << 20);
    private final FakeStores stores = new FakeStores(host, agent);
    private final FakeProcess one = world.start("1", 0x11);
    private final PeerDirectory directory = join(one);

    private CompletableFuture<PeerDirectory> joining(FakeProcess process) {
        CompletableFuture<PeerDirectory> joined = PeerDirectory.join(process.engine, stores.open());
        agent.run();
        return joined;
    }

    private PeerDirectory join(FakeProcess process) {
        return agent.done(joining(process));
    }

    @Test
    void findsAPeerThatPublishesLater() {
        CompletableFuture<Peer> waiting = directory.peer("2");
        agent.advance(Duration.ofSeconds(10));
        assertThat(waiting).isNotDone();
        FakeProcess two = world.start("2", 0x22);
        PeerDirectory unused = join(two);
        agent.advance(Duration.ofMillis(1_024));
        assertThat(agent.done(waiting).record()).isEqualTo(two.record());
        assertThat(directory.find("2")).contains(two.record());
        assertThat(agent.done(directory.peer("2"))).isSameAs(agent.done(waiting));
        assertThat(directory.known()).containsOnlyKeys("1", "2");
    }

    @Test
    void refusesANameThatALiveProcessHoldsNamingBoth() {
        FakeProcess impostor = world.start("1", 0x12);
        TransferException failure = agent.failure(joining(impostor));
        assertThat(failure.code()).isEqualTo(Code.REFUSED);
        assertThat(failure)
                .hasMessageContaining(
                        "held by live 1 (host-1:10001, epoch=11) and refused for 1 (host-1:10002, epoch=12)");
        CompletableFuture<List<PeerRecord>> records = directory.records(List.of("1"));
        agent.run();
        assertThat(agent.done(records)).containsExactly(one.record());
    }

    @Test
    void triesAgainToPublishWhileTheStoreIsSilent() {
        FakeProcess two = world.start("2", 0x22);
        stores.cut();
        CompletableFuture<PeerDirectory> joined = joining(two);
        agent.advance(Duration.ofSeconds(20));
        assertThat(joined).isNotDone();
        stores.mend();
        agent.advance(Duration.ofSeconds(30));
        assertThat(joined).isCompleted();
    }

    @Test
    void givesUpPublishingAtTheDeadline() {
        FakeProcess two = world.start("2", 0x22);
        stores.cut();
        CompletableFuture<PeerDirectory> joined = joining(two);
        agent.advance(MINUTE);
        assertThat(agent.failure(joined)).hasMessageContaining("the store cannot be asked for Claim[key=app/peers/2");
    }

    @Test
    void failsAtTheDeadlineWithARowThatSaysTheStoreKnowsNoSuchPeer() {
        CompletableFuture<Peer> waiting = directory.peer("7");
        agent.advance(Duration.ofMillis(59_999));
        assertThat(waiting).isNotDone();
        agent.advance(Duration.ofMillis(1));
        TransferException failure = agent.failure(waiting);
        assertThat(failure.code()).isEqualTo(Code.TIMED_OUT);
        assertThat(failure)
                .hasMessage("1 of 1 peers not connected after 60.0 s (spark.mooncake.connect.timeout=60.0 s)\n"
                        + "peer | address | state | paths | last error | check first\n"
                        + "7 | address unknown | WAITING_STORE for 60.0 s: waiting for its record | none tried | no record in the"
                        + " store, look-ups=65, their last error: none | that 7 is running and its log for the reason why it"
                        + " published nothing");
        agent.advance(MINUTE);
        assertThat(agent.alarms()).isZero();
    }

    @Test
    void aRemovedPeerFailsItsWaitersAndEndsItsConnectionAtOnce() {
        FakeProcess two = world.start("2", 0x22);
        PeerDirectory unused = join(two);
        CompletableFuture<Peer> connecting = directory.peer("2");
        agent.run();
        Peer peer = agent.done(connecting);
        host.ownerLost("2", "executor heartbeat timed out after 120000 ms");
        agent.advance(Duration.ofSeconds(5));
        assertThat(peer.lost()).isCompletedWithValue("2 was removed: executor heartbeat timed out after 120000 ms");
        assertThat(directory.find("2")).isEmpty();
        CompletableFuture<Peer> again = directory.peer("2");
        agent.run();
        assertThat(agent.failure(again).code()).isEqualTo(Code.PEER_GONE);
        assertThat(agent.failure(again))
                .hasMessageContaining("2 was removed: executor heartbeat timed out after 120000 ms");
    }

    @Test
    void aWaiterThatComesAfterTheRemovalFailsAtOnceToo() {
        FakeProcess two = world.start("2", 0x22);
        PeerDirectory unused = join(two);
        host.ownerLost("2", "container killed");
        CompletableFuture<Peer> waiting = directory.peer("2");
        agent.run();
        assertThat(agent.failure(waiting)).hasMessageContaining("2 was removed: container killed");
    }

    @Test
    void aRemovalEndsAnAttemptThatHangs() {
        FakeProcess two = world.start("2", 0x22);
        PeerDirectory unused = join(two);
        two.plane.beSilent();
        CompletableFuture<Peer> waiting = directory.peer("2");
        agent.advance(Duration.ofSeconds(7));
        assertThat(waiting).isNotDone();
        host.ownerLost("2", "node failed");
        agent.advance(Duration.ofSeconds(5));
        assertThat(agent.failure(waiting)).hasMessageContaining("| 2 was removed: node failed |");
    }

    @Test
    void theEndOfAPeerThatRefusesConnectionsIsNoticedAtOnce() {
        FakeProcess two = world.start("2", 0x22);
        FakeProcess three = world.start("3", 0x33);
        PeerDirectory unused = join(two);
        PeerDirectory unusedToo = join(three);
        CompletableFuture<List<Peer>> connecting = directory.peers(List.of("2", "3"));
        agent.run();
        Peer other = agent.done(connecting).get(1);
        agent.advance(MINUTE);
        two.plane.die("killed");
        agent.run();
        CompletableFuture<Peer> again = directory.peer("2");
        agent.advance(Duration.ofMillis(500));
        assertThat(again).isNotDone();
        host.ownerLost("2", "executor 2 exited with code 137");
        agent.advance(Duration.ofMillis(600));
        assertThat(agent.failure(again).code()).isEqualTo(Code.PEER_GONE);
        assertThat(agent.failure(again)).hasMessageContaining("2 was removed: executor 2 exited with code 137");
        assertThat(other.isLost()).isFalse();
        long before = host.figures().requests();
        agent.advance(MINUTE);
        assertThat(host.figures().requests() - before).as("one look every 5 s").isBetween(11L, 13L);
    }

    @Test
    void aConnectionThatBreaksIsNotTheEndOfAPeer() {
        FakeProcess two = world.start("2", 0x22);
        FakeProcess three = world.start("3", 0x33);
        PeerDirectory unused = join(two);
        PeerDirectory unusedToo = join(three);
        CompletableFuture<List<Peer>> connecting = directory.peers(List.of("2", "3"));
        agent.run();
        Peer broken = agent.done(connecting).get(0);
        Peer gone = agent.done(connecting).get(1);
        two.plane.breakChannels("Connection reset by peer");
        host.ownerLost("3", "killed");
        agent.advance(Duration.ofSeconds(5));
        CompletableFuture<?> ofBroken = broken.ask("any", ByteBuffer.allocate(1), MINUTE);
        CompletableFuture<?> ofGone = gone.ask("any", ByteBuffer.allocate(1), MINUTE);
        assertThat(agent.failure(ofBroken).code()).isEqualTo(Code.PEER_LOST);
        assertThat(agent.failure(ofGone).code()).isEqualTo(Code.PEER_GONE);
    }

    @Test
    void aNewLifeOfANameIsAnotherPeer() {
        FakeProcess two = world.start("2", 0x22);
        PeerDirectory first = join(two);
        CompletableFuture<Peer> connecting = directory.peer("2");
        agent.run();
        Peer before = agent.done(connecting);
        closeTurning(first);
        FakeProcess successor = world.start("2", 0x23);
        PeerDirectory unused = join(successor);
        agent.advance(Duration.ofSeconds(5));
        assertThat(before.lost()).isDone();
        CompletableFuture<Peer> next = directory.peer("2");
        agent.run();
        assertThat(agent.done(next).record().epoch()).isEqualTo(0x23);
    }

    @Test
    void asksTheStoreNothingWhileNobodyWaitsOrIsConnected() {
        agent.advance(MINUTE);
        long before = host.figures().requests();
        agent.advance(MINUTE);
        assertThat(host.figures().requests()).isEqualTo(before);
        FakeProcess two = world.start("2", 0x22);
        PeerDirectory unused = join(two);
        CompletableFuture<Peer> connecting = directory.peer("2");
        agent.advance(Duration.ofSeconds(1));
        assertThat(connecting).isCompleted();
        before = host.figures().requests();
        agent.advance(MINUTE);
        assertThat(host.figures().requests() - before).as("one look every 5 s").isEqualTo(12);
        two.plane.die("gone");
        agent.advance(Duration.ofSeconds(10));
        before = host.figures().requests();
        agent.advance(MINUTE);
        assertThat(host.figures().requests()).isEqualTo(before);
    }

    @Test
    void tablesMixPeersThatAreUnknownUnreachableAndRemoved() {
        for (String name : List.of("2", "3", "4")) {
            FakeProcess process = world.start(name, 0x20);
            PeerDirectory unused = join(process);
            if (name.equals("3")) {
                process.plane.beSilent();
            }
        }
        host.ownerLost("4", "killed");
        CompletableFuture<List<Peer>> peers = directory.peers(List.of("2", "3", "4", "5"));
        agent.advance(MINUTE);
        assertThat(agent.failure(peers))
                .hasMessageContaining("3 of 4 peers not connected after 60.0 s")
                .hasMessageContaining("\n3 | host-3:10003 | WAITING_PEER_WARMUP for 60.0 s: dialing | none tried |")
                .hasMessageContaining(
                        "\n4 | address unknown | WAITING_STORE for 0.0 s: waiting for its record | none tried | 4"
                                + " was removed: killed | the end of the log of 4, and why Spark removed it")
                .hasMessageContaining("\n5 | address unknown | WAITING_STORE for 60.0 s");
    }

    @Test
    void closingFailsWaitersAndTakesTheRecordOut() {
        CompletableFuture<Peer> waiting = directory.peer("2");
        agent.run();
        closeTurning(directory);
        assertThat(agent.failure(waiting).code()).isEqualTo(Code.CLOSED);
        assertThat(host.figures().keys()).isZero();
        CompletableFuture<Peer> late = directory.peer("2");
        agent.run();
        assertThat(agent.failure(late).code()).isEqualTo(Code.CLOSED);
    }

    /** Closes on a thread of its own while this one is the agent. */
    private void closeTurning(PeerDirectory closing) {
        Thread closer = new Thread(closing::close, "closer");
        closer.start();
        while (closer.isAlive()) {
            agent.run();
            Thread.onSpinWait();
        }
        agent.run();
    }
}
