// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import io.netty.buffer.ByteBuf;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Frame;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Hello;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Kind;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Who may connect, and what the others are told on both sides. */
final class HandshakeTest {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private final Ends ends = new Ends();
    private TcpTransport owner;

    @BeforeEach
    void start() throws TransferException {
        owner = ends.start("owner", Ends.hasty(false));
    }

    @AfterEach
    void close() {
        ends.close();
    }

    private TransferException refusal(TcpTransport caller, PeerRecord peer) {
        Throwable failure = catchThrowable(
                () -> caller.control(peer).orTimeout(60, TimeUnit.SECONDS).join());
        TransferException refusal = HandMade.failure(failure);
        String verdict =
                caller.link(peer).orTimeout(60, TimeUnit.SECONDS).join().fold(link -> "linked", reason -> reason);
        assertThat(verdict).isEqualTo(String.valueOf(refusal.getMessage()).replace("for CONTROL", "for DATA"));
        return refusal;
    }

    private void assertOwnerStillServes() throws TransferException {
        TcpTransport good = ends.start("good" + System.nanoTime(), Ends.hasty(false));
        try (ControlChannel channel = good.control(Ends.record("owner", owner))
                .orTimeout(60, TimeUnit.SECONDS)
                .join()) {
            assertThat(channel.lost()).isNotDone();
        }
    }

    @Test
    void anotherSecretIsRefusedOnBothSides() throws TransferException {
        Identity stranger = new Identity("stranger", 5, "127.0.0.1", "another application's secret".getBytes(UTF_8));
        TcpTransport caller = ends.start(stranger, Ends.hasty(false));
        TransferException refusal = refusal(caller, Ends.record("owner", owner));
        assertThat(refusal.code()).isEqualTo(Code.PROTOCOL);
        assertThat(refusal)
                .hasMessageContaining("cannot reach peer owner (127.0.0.1:" + owner.port() + ") over tcp")
                .hasMessageContaining("another application")
                .hasMessageContaining("spark.authenticate.secret");
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(owner.refusedHandshakes()).isEqualTo(2));
        assertOwnerStillServes();
    }

    @Test
    void aCallerWithoutTheSecretIsToldSo() throws IOException {
        try (HandMade rogue = HandMade.connect(owner.port())) {
            byte[] hello = HandMade.hello(Purpose.DATA, "owner").encode(new byte[32]);
            Frame verdict = rogue.prove(hello, rogue.greet(hello), new Secret(new byte[16]));
            assertThat(Verdict.of(verdict.code())).isEqualTo(Verdict.SECRET);
            assertThat(rogue.drainUntilClosed()).isZero();
        }
        assertThat(owner.refusedHandshakes()).isEqualTo(1);
    }

    @Test
    void anotherLifeOrNameUnderTheSameAddressIsRefused() throws TransferException {
        TcpTransport caller = ends.start("caller", Ends.hasty(false));
        TransferException oldLife = refusal(caller, new PeerRecord("owner", 42, "127.0.0.1", owner.port(), Map.of()));
        assertThat(oldLife.code()).isEqualTo(Code.PEER_GONE);
        assertThat(oldLife)
                .hasMessageContaining("peer owner restarted: it lives in epoch=" + Ends.epoch("owner")
                        + ", the caller means epoch=42");
        TransferException other = refusal(caller, new PeerRecord("other", 42, "127.0.0.1", owner.port(), Map.of()));
        assertThat(other.code()).isEqualTo(Code.PEER_LOST);
        assertThat(other).hasMessageContaining("this listener is peer owner, not other");
        assertThat(owner.refusedHandshakes()).isEqualTo(4);
    }

    @Test
    void encryptionMustBeTheSameOnBothSides() throws TransferException {
        TcpTransport caller = ends.start("caller", Ends.hasty(true));
        assertThat(refusal(caller, Ends.record("owner", owner)))
                .hasMessageContaining("encryption caller=true owner=false: set spark.network.crypto.enabled and");
    }

    @Test
    void anotherVersionIsRefusedByNumber() throws IOException, TransferException {
        try (HandMade rogue = HandMade.connect(owner.port())) {
            rogue.send(HandshakeLayout.frame(9, Kind.HELLO, 0, new byte[] {1, 2, 3}));
            Frame verdict = rogue.receiveHandshake();
            assertThat(Verdict.of(verdict.code())).isEqualTo(Verdict.VERSION);
            assertThat(verdict.text()).contains("caller speaks version=9, owner version=1");
        }
        try (ServerSocket future = HandMade.listen()) {
            Thread callee = new Thread(() -> answerWithVersion9(future), "callee-of-the-future");
            callee.start();
            TcpTransport caller = ends.start("caller", Ends.hasty(false));
            PeerRecord peer = Ends.record("future", future.getLocalPort());
            TransferException refusal =
                    HandMade.failure(catchThrowable(() -> caller.control(peer).join()));
            assertThat(refusal).hasMessageContaining("it speaks version=9, this build version=1");
        }
    }

    private static void answerWithVersion9(ServerSocket listener) {
        try (HandMade made = new HandMade(listener.accept())) {
            made.receiveHandshake();
            made.send(HandshakeLayout.frame(9, Kind.WELCOME, 0, new byte[64]));
            made.drainUntilClosed();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aReplayedOrReflectedProofIsWorthNothing() throws IOException {
        byte[] hello = HandMade.hello(Purpose.DATA, "owner").encode(new byte[32]);
        byte[] recorded;
        try (HandMade honest = HandMade.connect(owner.port())) {
            Frame welcome = honest.greet(hello);
            byte[] transcript = HandshakeLayout.transcript(hello, Arrays.copyOf(welcome.body(), 32));
            recorded = new Secret(Ends.secret()).proof(Role.CALLER, transcript);
            assertThat(Verdict.of(honest.prove(hello, welcome, new Secret(Ends.secret()))
                            .code()))
                    .isEqualTo(Verdict.ACCEPTED);
        }
        try (HandMade replay = HandMade.connect(owner.port())) {
            replay.greet(hello);
            replay.send(HandshakeLayout.frame(Kind.PROOF, 0, recorded));
            assertThat(Verdict.of(replay.receiveHandshake().code())).isEqualTo(Verdict.SECRET);
        }
        try (HandMade reflection = HandMade.connect(owner.port())) {
            byte[] body = reflection.greet(hello).body();
            reflection.send(HandshakeLayout.frame(Kind.PROOF, 0, Arrays.copyOfRange(body, 32, 64)));
            assertThat(Verdict.of(reflection.receiveHandshake().code())).isEqualTo(Verdict.SECRET);
        }
    }

    @Test
    void aProofForOnePurposeOrCalleeDoesNotServeAnother() throws IOException {
        Hello control = HandMade.hello(Purpose.CONTROL, "owner");
        byte[] proved = control.encode(new byte[32]);
        byte[] sent = HandMade.hello(Purpose.DATA, "owner").encode(new byte[32]);
        try (HandMade rogue = HandMade.connect(owner.port())) {
            Frame verdict = rogue.prove(proved, rogue.greet(sent), new Secret(Ends.secret()));
            assertThat(Verdict.of(verdict.code())).isEqualTo(Verdict.SECRET);
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aSilentCallerIsDroppedAndToldWhy() throws IOException, TransferException {
        List<HandMade> silent = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            silent.add(HandMade.connect(owner.port()));
        }
        assertOwnerStillServes();
        for (HandMade rogue : silent) {
            Frame verdict = rogue.receiveHandshake();
            assertThat(Verdict.of(verdict.code())).isEqualTo(Verdict.LATE);
            assertThat(verdict.text()).isEqualTo("HELLO did not come within 2000 ms at owner: dial again");
            rogue.drainUntilClosed();
            rogue.close();
        }
        assertThat(owner.refusedHandshakes()).isEqualTo(50);
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aCallerThatStopsAfterHelloIsDroppedToo() throws IOException {
        try (HandMade rogue = HandMade.connect(owner.port())) {
            rogue.greet(HandMade.hello(Purpose.DATA, "owner").encode(new byte[32]));
            Frame verdict = rogue.receiveHandshake();
            assertThat(Verdict.of(verdict.code())).isEqualTo(Verdict.LATE);
            assertThat(verdict.text()).startsWith("the handshake did not end within 2000 ms");
        }
    }

    @Test
    void anAddressThatOpensTooManyShedsItsOldestAndHonestCallersPass() throws IOException, TransferException {
        TcpTransport patient = ends.start("patient", Ends.calm(false));
        List<HandMade> silent = new ArrayList<>();
        try {
            for (int i = 0; i < UnfinishedHandshakes.MAX_PER_ADDRESS + 20; i++) {
                silent.add(HandMade.connect(patient.port()));
            }
            TcpTransport caller = ends.start("caller", Ends.calm(false));
            caller.control(Ends.record("patient", patient)).join().close();
            Frame verdict = silent.get(0).receiveHandshake();
            assertThat(Verdict.of(verdict.code())).isIn(Verdict.BUSY, Verdict.LATE);
        } finally {
            for (HandMade rogue : silent) {
                rogue.close();
            }
        }
    }

    @Test
    void aFrameLongerThanTheLongestHelloIsRefusedBeforeItArrives() throws IOException {
        try (HandMade rogue = HandMade.connect(owner.port())) {
            ByteBuf head = HandshakeLayout.frame(Kind.HELLO, 0, new byte[HandshakeLayout.MAX_BODY_BYTES + 1]);
            rogue.send(head.readSlice(HandshakeLayout.HEAD_BYTES).retain());
            assertThat(Verdict.of(rogue.receiveHandshake().code())).isEqualTo(Verdict.MALFORMED);
            head.release();
        }
    }

    @Test
    void aCallersNameForgesNoLinesOfALog() throws IOException {
        byte[] hello =
                new Hello(1, false, "rogue\nWARN all is well", 666, "owner", Ends.epoch("owner")).encode(new byte[32]);
        try (HandMade rogue = HandMade.connect(owner.port())) {
            Frame verdict = rogue.prove(hello, rogue.greet(hello), new Secret(new byte[16]));
            assertThat(Verdict.of(verdict.code())).isEqualTo(Verdict.SECRET);
        }
        assertThat(HandshakeLayout.printable("rogue\nWARN\u2028x")).isEqualTo("rogue?WARN?x");
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void aListenerThatSaysNothingTimesOutByNameAndState() throws IOException, TransferException {
        try (ServerSocket silent = HandMade.listen()) {
            TcpTransport caller = ends.start("caller", Ends.hasty(false));
            TransferException refusal = refusal(caller, Ends.record("silent", silent.getLocalPort()));
            assertThat(refusal.code()).isEqualTo(Code.TIMED_OUT);
            assertThat(refusal)
                    .hasMessageContaining("cannot reach peer silent (127.0.0.1:" + silent.getLocalPort() + ")")
                    .hasMessageContaining(
                            "no connection within 2000 ms, state=handshake, waiting for the answer to HELLO");
        }
    }

    @Test
    @Execution(ExecutionMode.CONCURRENT)
    void nobodyAtTheAddressIsSaidAtOnce() throws IOException, TransferException {
        TcpTransport caller = ends.start("caller", Ends.hasty(false));
        // Nobody else gets the port while it is bound, and nobody listens there.
        try (Socket bound = new Socket()) {
            bound.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            assertThat(refusal(caller, Ends.record("gone", bound.getLocalPort())))
                    .hasMessageContaining("Connection refused")
                    .hasMessageContaining("check that the process lives");
        }
        PeerRecord unknown = new PeerRecord("gone", 1, "no-such-host.invalid", 1, Map.of());
        assertThat(refusal(caller, unknown)).hasMessageContaining("host=no-such-host.invalid");
    }
}
