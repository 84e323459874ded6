// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Names with several addresses, and name services that are slow. */
final class DialerTest {
    private final Ends ends = new Ends();
    private final EventLoops loops = EventLoops.start("dialer", 1);
    private final Identity self = new Identity("dialer", 7, "127.0.0.1", Ends.secret());

    @AfterEach
    void close() {
        ends.close();
        loops.close();
    }

    private CompletableFuture<Wire> dial(Dialer dialer, PeerRecord peer) {
        Dial dial = new Dial(peer, Purpose.CONTROL, false, wire -> {});
        dialer.start(dial);
        return dial.outcome();
    }

    private Dialer dialer(Dialer.Names names) {
        return new Dialer(loops, self, Ends.LONG, new Sockets(loops.epoll(), Ends.LONG), names);
    }

    private static InetAddress[] addresses(String... literals) throws UnknownHostException {
        InetAddress[] addresses = new InetAddress[literals.length];
        for (int i = 0; i < literals.length; i++) {
            addresses[i] = InetAddress.getByName(literals[i]);
        }
        return addresses;
    }

    @Test
    void dialsEachAddressOfANameInTurn() throws TransferException {
        TcpTransport owner = ends.start("owner", Ends.calm(false));
        PeerRecord peer = new PeerRecord("owner", Ends.epoch("owner"), "many.invalid", owner.port(), Map.of());
        try (Dialer dialer = dialer(host -> addresses("127.0.0.3", "127.0.0.2", "127.0.0.1"))) {
            Wire wire = dial(dialer, peer).orTimeout(60, TimeUnit.SECONDS).join();
            assertThat(wire.peer()).isEqualTo("owner (127.0.0.1:" + owner.port() + ")");
            wire.end(Code.CLOSED, "the test is over");
        }
        try (Dialer dialer = dialer(host -> addresses("127.0.0.3", "127.0.0.2"))) {
            assertThat(dial(dialer, peer))
                    .failsWithin(Ends.LONG)
                    .withThrowableThat()
                    .withMessageContaining("many.invalid")
                    .withMessageContaining("(the last of addresses=2): check that the process lives");
        }
    }

    @Test
    void slowNamesDelayNobodyWhoDialsAnAddress() throws TransferException {
        TcpTransport owner = ends.start("owner", Ends.calm(false));
        CountDownLatch answered = new CountDownLatch(1);
        try (Dialer dialer = dialer(host -> {
            try {
                answered.await();
            } catch (InterruptedException e) {
                throw new UnknownHostException(host);
            }
            return addresses("127.0.0.1");
        })) {
            for (int i = 0; i < 40; i++) {
                var unused = dial(dialer, new PeerRecord("slow" + i, 1, "slow" + i + ".invalid", 1, Map.of()));
            }
            dial(dialer, Ends.record("owner", owner))
                    .orTimeout(60, TimeUnit.SECONDS)
                    .join()
                    .end(Code.CLOSED, "the test is over");
            answered.countDown();
        }
    }
}
