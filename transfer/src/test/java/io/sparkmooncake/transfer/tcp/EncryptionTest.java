// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.spi.Link;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What somebody on the way can do to an encrypted connection: see nothing, and break it. */
final class EncryptionTest {
    private static final int BYTES = 1 << 20;

    private final Ends ends = new Ends();
    private final AtomicLong flipAt = new AtomicLong(Long.MAX_VALUE);
    private final ByteArrayOutputStream seen = new ByteArrayOutputStream();

    @AfterEach
    void close() {
        ends.close();
    }

    /** Forwards one connection, both ways; flips one bit of what the callee sends. */
    private void forward(ServerSocket listener, int port) {
        try {
            Socket caller = listener.accept();
            Socket callee = new Socket(InetAddress.getLoopbackAddress(), port);
            ends.controlThreads().execute(() -> copy(caller, callee, new AtomicLong(Long.MAX_VALUE)));
            copy(callee, caller, flipAt);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void copy(Socket from, Socket to, AtomicLong flip) {
        try (from;
                to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] bytes = new byte[8192];
            for (int n = in.read(bytes); n >= 0; n = in.read(bytes)) {
                long at = flip.getAndAdd(-n);
                if (at >= 0 && at < n) {
                    bytes[(int) at] ^= 1;
                }
                synchronized (seen) {
                    seen.write(bytes, 0, n);
                }
                out.write(bytes, 0, n);
            }
        } catch (IOException e) {
            // One of the ends closed.
        }
    }

    @Test
    void aChangedBitClosesTheConnectionWithItsReasonAndReachesNoMemory() throws IOException {
        TcpTransport owner = ends.start("owner", Ends.calm(true));
        TcpTransport reader = ends.start("reader", Ends.calm(true));
        TestRegion remote = TestRegion.filled(1, BYTES);
        owner.register(remote);
        try (ServerSocket proxy = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            for (int offset : new int[] {0, 3, 4, 30, 70_000, 500_000}) {
                flipAt.set(Long.MAX_VALUE);
                ends.controlThreads().execute(() -> forward(proxy, owner.port()));
                Link link = Ends.link(reader, Ends.record("owner", proxy.getLocalPort()));
                flipAt.set(offset);
                TestRegion local = new TestRegion(2, BYTES);
                TransferBatch batch = Ends.read(link, local, 0, remote, 0, BYTES);
                TransferException failure = Ends.await(batch).firstFailure().orElseThrow();
                assertThat(failure.code()).isIn(Code.PROTOCOL, Code.PEER_LOST);
                if (offset >= 4) {
                    assertThat(failure)
                            .hasMessageContaining("peer owner (127.0.0.1:" + proxy.getLocalPort() + ")")
                            .hasMessageContaining("was changed on the way");
                }
                assertThat(link.lost().orTimeout(60, TimeUnit.SECONDS).join()).isEqualTo(failure.getMessage());
                int arrived = local.slice(0, BYTES).mismatch(remote.slice(0, BYTES));
                assertThat(arrived).as("bytes before the changed one").isLessThanOrEqualTo(offset);
                assertThat(local.slice(BYTES - 1000, 1000)).isEqualTo(new TestRegion(3, 1000).slice(0, 1000));
            }
        }
        await().atMost(Duration.ofMinutes(2)).until(() -> remote.counts() == 1);
    }

    @Test
    void nothingInTheClearIsOnTheWay() throws IOException {
        TcpTransport owner = ends.start("owner", Ends.calm(true));
        TcpTransport reader = ends.start("reader", Ends.calm(true));
        TestRegion remote = new TestRegion(1, BYTES);
        TestRegion local = new TestRegion(2, BYTES);
        byte[] marker = "salaries of everybody".getBytes(UTF_8);
        for (int at = 0; at + marker.length <= BYTES; at += marker.length) {
            remote.memory().put(at, marker);
        }
        owner.register(remote);
        try (ServerSocket proxy = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            ends.controlThreads().execute(() -> forward(proxy, owner.port()));
            Link link = Ends.link(reader, Ends.record("owner", proxy.getLocalPort()));
            Ends.assertCompleted(Ends.read(link, local, 0, remote, 0, BYTES));
            assertThat(local.memory()).isEqualTo(remote.memory());
        }
        String wire;
        synchronized (seen) {
            wire = seen.toString(ISO_8859_1);
        }
        assertThat(wire.length()).isGreaterThan(BYTES);
        assertThat(wire.contains("salaries")).isFalse();
        assertThat(wire.contains(new String(Ends.secret(), UTF_8))).isFalse();
    }
}
