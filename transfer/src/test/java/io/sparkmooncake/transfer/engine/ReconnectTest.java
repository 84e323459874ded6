// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.engine.testing.FakeTransport.Fault;
import io.sparkmooncake.transfer.engine.testing.ManualAgent;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Connections that are refused, reset, or lost for good; at least three processes. */
final class ReconnectTest {
    private static final Duration MINUTE = Duration.ofSeconds(60);

    private final ManualAgent agent = new ManualAgent();
    private final FakeProcess.World world = new FakeProcess.World(agent);
    private final FakeProcess one = world.start("1", 0x11);
    private final FakeProcess two = world.start("2", 0x22);

    @Test
    void dialsAgainUntilTheDeadline() {
        two.plane.refuseDials(30);
        CompletableFuture<Peer> connecting = one.connect(two);
        agent.advance(Duration.ofMillis(100 + 200 + 400 + 800 + 1600 + 24 * 2000 + 1999));
        assertThat(connecting).isNotDone();
        agent.advance(Duration.ofMillis(1));
        assertThat(connecting).isCompleted();
        assertThat(two.plane.dials()).isEqualTo(31);
    }

    @Test
    void aProcessThatRefusesDialsIsUnreachableAtTheDeadline() {
        two.plane.die("killed");
        CompletableFuture<Peer> connecting = one.connect(two);
        agent.advance(Duration.ofMillis(59_999));
        assertThat(connecting).isNotDone();
        agent.advance(Duration.ofMillis(1));
        assertThat(agent.failure(connecting).code()).isEqualTo(Code.UNREACHABLE);
        assertThat(agent.failure(connecting))
                .hasMessageContaining(
                        "dialing again after failures=34 | none tried | Connection refused | that host-2:10002 can be");
        one.assertNothingLeft();
    }

    @Test
    void aProcessThatRefusesDialsIsNotDialledOnceTheStoreSaysThatItIsGone() {
        two.plane.die("killed");
        CompletableFuture<Peer> connecting = one.connect(two);
        agent.advance(Duration.ofSeconds(5));
        one.engine.peerLost("2", 0x22, "executor 2 exited with code 137");
        agent.run();
        assertThat(agent.failure(connecting).code()).isEqualTo(Code.PEER_GONE);
        assertThat(agent.failure(connecting)).hasMessageContaining("executor 2 exited with code 137");
        one.assertNothingLeft();
    }

    @Test
    void anAttemptWhoseChannelBreaksBeginsAnew() {
        FakeProcess three = world.start("3", 0x33);
        for (int op : new int[] {WarmUpFrame.GRANT, WarmUpFrame.CONFIRM}) {
            FakeProcess target = world.start("target" + op, 0x40 + op);
            boolean[] swallow = {true};
            target.plane.swallow(request -> swallow[0] && request.get(1) == op);
            CompletableFuture<Peer> connecting = one.engine.connect(target.record());
            CompletableFuture<Peer> other = one.engine.connect(three.record());
            agent.advance(Duration.ofSeconds(1));
            assertThat(connecting).isNotDone();
            swallow[0] = false;
            target.plane.breakChannels("Connection reset by peer");
            agent.advance(Duration.ofMillis(100));
            assertThat(agent.done(connecting).paths())
                    .allSatisfy(path -> assertThat(path.offered()).isTrue());
            assertThat(agent.done(other).isLost()).isFalse();
            agent.advance(MINUTE);
            assertThat(target.engine.lentSlots()).isZero();
        }
        assertThat(one.shm.openLinks()).isEqualTo(3);
        assertThat(one.tcp.openLinks()).isEqualTo(3);
        assertThat(agent.alarms()).isZero();
    }

    @Test
    void aControlChannelThatBreaksAloneIsDialledAgainWhileTransfersGoOn() {
        one.tcp.noticeEnds();
        FakeProcess three = world.start("3", 0x33);
        two.plane.serve("echo", (from, request) -> request);
        Peer peer = agent.done(one.connect(two));
        CompletableFuture<Peer> connecting = one.engine.connect(three.record());
        Peer other = agent.done(connecting);
        two.plane.refuseDials(3);
        two.plane.breakChannels("Connection reset by peer");
        agent.run();
        assertThat(peer.isLost()).isFalse();
        assertThat(one.tcp.openLinks()).isEqualTo(2);
        CompletableFuture<ByteBuffer> asked =
                peer.ask("echo", ByteBuffer.allocate(4).putInt(0, 4_711), MINUTE);
        assertThat(asked).isNotDone();
        agent.advance(Duration.ofMillis(100 + 200 + 400 + 800));
        assertThat(agent.done(asked).getInt(0)).isEqualTo(4_711);
        assertThat(peer.isLost() || other.isLost()).isFalse();
        assertThat(agent.done(one.engine.connect(two.record()))).isSameAs(peer);
        assertThat(agent.alarms()).isZero();
    }

    @Test
    void aControlChannelThatCannotBeDialledAgainLosesThePeer() {
        one.tcp.noticeEnds();
        Peer peer = agent.done(one.connect(two));
        two.plane.die("Connection reset by peer");
        agent.run();
        CompletableFuture<ByteBuffer> asked = peer.ask("echo", ByteBuffer.allocate(4), MINUTE.multipliedBy(2));
        agent.advance(Duration.ofMillis(59_999));
        assertThat(peer.isLost()).isFalse();
        agent.advance(Duration.ofMillis(1));
        assertThat(peer.lost())
                .isCompletedWithValue("its control channel broke: Connection reset by peer; and it could not be dialled"
                        + " again: Connection refused");
        assertThat(agent.failure(asked)).hasMessageContaining("2 (host-2:10002) is lost: its control channel broke");
        one.assertNothingLeft();
    }

    @Test
    void anAskThatTimedOutIsNotSentAnyMore() throws Exception {
        one.tcp.noticeEnds();
        AtomicInteger answered = new AtomicInteger();
        two.plane.serve("count", (from, request) -> {
            answered.incrementAndGet();
            return request;
        });
        Peer peer = agent.done(one.connect(two));
        two.plane.breakChannels("Connection reset by peer");
        agent.run();
        CompletableFuture<ByteBuffer> late = peer.ask("count", ByteBuffer.allocate(4), Duration.ofMillis(1));
        CompletableFuture<ByteBuffer> inTime = peer.ask("count", ByteBuffer.allocate(4), MINUTE.multipliedBy(10));
        assertThat(late.handle((answer, failure) -> failure).get(60, TimeUnit.SECONDS))
                .hasMessageContaining("its control channel broke and was dialled again");
        agent.advance(Duration.ofMillis(100));
        agent.done(inTime);
        assertThat(answered).hasValue(1);
    }

    @Test
    void aProcessThatEndsIsLostAtOnce() {
        one.tcp.noticeEnds();
        for (boolean controlFirst : new boolean[] {true, false}) {
            FakeProcess target = world.start("target-" + controlFirst, 0x44);
            CompletableFuture<Peer> connecting = one.engine.connect(target.record());
            Peer peer = agent.done(connecting);
            if (controlFirst) {
                target.plane.die("Connection reset by peer");
                agent.run();
                one.tcp.breakLinks("Connection reset by peer");
            } else {
                one.tcp.breakLinks("Connection reset by peer");
                agent.run();
                target.plane.die("Connection reset by peer");
            }
            agent.run();
            assertThat(peer.lost().getNow("none"))
                    .startsWith(
                            controlFirst
                                    ? "its control channel broke: Connection reset by peer; then a path: "
                                    : "a path broke: Connection reset by peer");
            one.assertNothingLeft();
        }
    }

    @Test
    void aPeerThatWasLostIsDialledAnewUnlessItIsGone() {
        FakeProcess three = world.start("3", 0x33);
        Peer before = agent.done(one.connect(two));
        Peer other = agent.done(one.engine.connect(three.record()));
        two.plane.breakChannels("Connection reset by peer");
        agent.run();
        assertThat(before.isLost()).isTrue();
        Peer after = agent.done(one.connect(two));
        assertThat(after).isNotSameAs(before);
        assertThat(after.isLost() || other.isLost()).isFalse();
        one.engine.peerLost("2", 0x22, "executor 2 was removed");
        agent.run();
        assertThat(agent.failure(one.connect(two))).hasMessageContaining("executor 2 was removed");
        assertThat(other.isLost()).isFalse();
    }

    @Test
    void aPathThatIsLostComesBackWithANewConnection() {
        one.tcp.noticeEnds();
        FakeProcess three = world.start("3", 0x33);
        Peer before = agent.done(one.connect(two));
        one.tcp.breakLinks("Connection reset by peer");
        agent.run();
        assertThat(before.lost()).isCompletedWithValue("a path broke: Connection reset by peer");
        Peer other = agent.done(one.connect(three));
        Peer after = agent.done(one.connect(two));
        assertThat(after).isNotSameAs(before);
        assertThat(after.paths()).allMatch(Peer.PathReport::offered);
        assertThat(other.isLost()).isFalse();
    }

    @Test
    void pathsThatBreakWhileTheyAreProvedAreTriedUntilTheDeadline() {
        FakeProcess three = world.start("3", 0x33);
        one.shm.fault(Fault.REFUSES);
        one.tcp.fault(Fault.BREAKS);
        CompletableFuture<Peer> connecting = one.connect(two);
        agent.advance(Duration.ofMillis(100 + 200 + 400));
        assertThat(connecting).isNotDone();
        assertThat(two.plane.dials()).isEqualTo(4);
        assertThat(two.engine.lentSlots()).isZero();
        one.tcp.fault(Fault.NONE);
        agent.advance(Duration.ofMillis(800));
        assertThat(agent.done(connecting).isLost()).isFalse();

        one.tcp.fault(Fault.BREAKS);
        CompletableFuture<Peer> never = one.connect(three);
        agent.advance(MINUTE);
        assertThat(agent.failure(never).code()).isEqualTo(Code.UNREACHABLE);
        assertThat(agent.failure(never))
                .hasMessageContaining("no path was proved: shm: other boot id; tcp: Connection reset by peer");
    }

    @Test
    void aChannelThatBreaksWheneverItWasDialledIsDialledLessAndLessOften() {
        one.tcp.noticeEnds();
        Peer peer = agent.done(one.connect(two));
        for (int dials = 2, millis = 100; dials < 8; dials++, millis = Math.min(2_000, 2 * millis)) {
            two.plane.breakChannels("Connection reset by peer");
            agent.advance(Duration.ofMillis(millis - 1));
            assertThat(two.plane.dials()).isEqualTo(dials - 1);
            agent.advance(Duration.ofMillis(1));
            assertThat(two.plane.dials()).isEqualTo(dials);
        }
        agent.advance(Duration.ofSeconds(10));
        two.plane.breakChannels("Connection reset by peer");
        agent.advance(Duration.ofMillis(100));
        assertThat(two.plane.dials()).isEqualTo(8);
        assertThat(peer.isLost()).isFalse();
    }

    @Test
    void aPauseOfThisProcessDoesNotUseUpTheDeadline() {
        two.plane.refuseDials(1);
        CompletableFuture<Peer> connecting = one.connect(two);
        agent.pause(Duration.ofMinutes(10));
        assertThat(connecting).isCompleted();
    }
}
