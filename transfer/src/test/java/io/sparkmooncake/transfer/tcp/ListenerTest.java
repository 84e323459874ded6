// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.channel.ChannelInboundHandlerAdapter;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.ControlPlane;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Ports that are taken, and listeners that do not answer, are errors before anything is published. */
final class ListenerTest {
    private final Ends ends = new Ends();
    private final List<ServerSocket> taken = new ArrayList<>();

    @AfterEach
    void close() throws IOException {
        ends.close();
        for (ServerSocket socket : taken) {
            socket.close();
        }
    }

    private int take(int ports) throws IOException {
        ServerSocket first = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        taken.add(first);
        try {
            for (int next = 1; next < ports; next++) {
                taken.add(new ServerSocket(first.getLocalPort() + next, 1, InetAddress.getLoopbackAddress()));
            }
            return first.getLocalPort();
        } catch (IOException | IllegalArgumentException e) {
            return take(ports); // somebody else has one of them
        }
    }

    private static TransferSettings settings(int port, int retries) {
        return Ends.settings(Map.of(
                "spark.mooncake.tcp.port", Integer.toString(port),
                "spark.port.maxRetries", Integer.toString(retries),
                "spark.mooncake.connect.timeout", "2s"));
    }

    @Test
    void aBusyPortLeadsToTheNext() throws IOException, TransferException {
        int port = take(2);
        TcpTransport transport = ends.start("owner", settings(port, 50));
        assertThat(transport.port()).isGreaterThanOrEqualTo(port + 2).isLessThanOrEqualTo(port + 50);
    }

    @Test
    void allPortsBusyNamesEachAttempt() throws IOException {
        int port = take(3);
        assertThatThrownBy(() -> ends.start("owner", settings(port, 2)))
                .isInstanceOf(TransferException.class)
                .hasMessageContaining("no listener on host=127.0.0.1")
                .hasMessageContaining("3 attempts: port=" + port + ": ")
                .hasMessageContaining("; port=" + (port + 1) + ": ")
                .hasMessageContaining("; port=" + (port + 2) + ": ")
                .hasMessageContaining("Address already in use")
                .hasMessageContaining("spark.port.maxRetries");
    }

    @Test
    void anAddressOfAnotherMachineIsServedAllTheSame() throws TransferException {
        TcpTransport translated =
                ends.start(new Identity("owner", Ends.epoch("owner"), "192.0.2.1", Ends.secret()), settings(0, 0));
        for (String name : List.of("one", "two")) {
            TcpTransport peer = ends.start(name, Ends.calm(false));
            peer.control(Ends.record("owner", translated)).join().close();
        }
    }

    @Test
    void theAddressThatSparkBindsIsBound() throws IOException, TransferException {
        ends.start("all", settings(0, 0).withBindAddress("0.0.0.0"));
        TcpTransport second = ends.start(
                new Identity("second", 1, "127.0.0.2", Ends.secret()),
                settings(0, 0).withBindAddress("127.0.0.2"));
        assertThatThrownBy(() -> HandMade.connect(second.port())).hasMessageContaining("refused");
        assertThatThrownBy(() -> ends.start("lost", settings(0, 0).withBindAddress("no-such-host.invalid")))
                .hasMessageContaining("address=no-such-host.invalid that Spark binds does not resolve");
    }

    /** As with Debian's {@code 127.0.1.1 worker} in {@code /etc/hosts}: peers resolve the name to another address of this machine. */
    @ParameterizedTest
    @CsvSource({
        "worker, 127.0.1.1, true",
        "worker, 127.0.0.1, true",
        "worker, 127.0.0.1 127.0.1.1, true",
        "worker, 192.0.2.1, true",
        "localhost, 127.0.0.1, false",
        "127.0.0.1, 127.0.0.1, false"
    })
    void aNameThatThisMachineResolvesToLoopbackIsBoundOnAllAddresses(String host, String found, boolean everywhere)
            throws IOException, TransferException {
        List<InetAddress> addresses = new ArrayList<>();
        for (String each : found.split(" ", -1)) {
            addresses.add(InetAddress.getByName(each));
        }
        EventLoops loops = EventLoops.start("listener", 1);
        try {
            Listener listener = Listener.bind(
                    loops,
                    asked -> {
                        assertThat(asked).isEqualTo(host);
                        return addresses.toArray(InetAddress[]::new);
                    },
                    host,
                    settings(0, 0).tcp(),
                    new ChannelInboundHandlerAdapter());
            assertThat(isServed("127.0.0.1", listener.port())).isTrue();
            for (String other : List.of("127.0.0.2", "127.0.0.3")) {
                assertThat(isServed(other, listener.port())).as(other).isEqualTo(everywhere);
            }
            listener.close();
        } finally {
            loops.close();
        }
    }

    private static boolean isServed(String address, int port) throws IOException {
        try (Socket socket = new Socket(address, port)) {
            return socket.isConnected();
        } catch (ConnectException e) {
            return false;
        }
    }

    /** As {@code local[*]} with {@code spark.driver.bindAddress=127.0.0.1} on a machine that has a name in its network. */
    @Test
    void aBoundAddressOtherThanThePublishedOneIsServed() throws TransferException {
        TcpTransport bound = ends.start("owner", settings(0, 0).withBindAddress("127.0.0.2"));
        for (String name : List.of("one", "two")) {
            TcpTransport peer = ends.start(name, Ends.calm(false));
            PeerRecord there = new PeerRecord("owner", Ends.epoch("owner"), "127.0.0.2", bound.port(), Map.of());
            peer.control(there).orTimeout(60, TimeUnit.SECONDS).join().close();
        }
    }

    @Execution(ExecutionMode.CONCURRENT)
    @ParameterizedTest
    @CsvSource({"'', ''", "127.0.0.2, ' address=127.0.0.2'"})
    void aListenerThatDoesNotAnswerIsAnErrorThatNamesThePatienceAndTheAddress(String bindAddress, String named) {
        ControlPlane plane = (ControlPlane) Proxy.newProxyInstance(
                ControlPlane.class.getClassLoader(),
                new Class<?>[] {ControlPlane.class},
                (proxy, method, arguments) -> new CompletableFuture<ControlChannel>());
        Identity self = new Identity("owner", 1, "127.0.0.1", Ends.secret());
        TransferSettings hasty = Ends.settings(Map.of("spark.mooncake.connect.timeout", "1s"));
        TransferSettings bound = bindAddress.isEmpty() ? hasty : hasty.withBindAddress(bindAddress);
        assertThatThrownBy(() -> new ListenerProof(self, bound, plane, Map.of()).prove(4_711, () -> {}))
                .isInstanceOf(TransferException.class)
                .hasMessageContaining("bound at host=127.0.0.1 port=4711" + named
                        + " but this process itself could not call it there:")
                .hasMessageContaining("no answer within 2000 ms");
    }

    @Test
    void aHostThatDoesNotResolveIsAnErrorAtStart() {
        Identity unknown = new Identity("owner", 1, "no-such-host.invalid", Ends.secret());
        assertThatThrownBy(() -> ends.start(unknown, settings(0, 0)))
                .hasMessageContaining("host=no-such-host.invalid of this process does not resolve");
    }

    @Test
    void everyAllowedTimeOutFitsTheKernel() throws TransferException {
        for (String limit : List.of("10h", "24h", "1s")) {
            TcpTransport transport =
                    ends.start("owner", Ends.settings(Map.of("spark.mooncake.transfer.timeout", limit)));
            assertThat(transport.port()).as(limit).isPositive();
        }
    }

    @Test
    void aShortSecretIsRefused() {
        assertThatThrownBy(() -> new Identity("owner", 1, "127.0.0.1", new byte[15]))
                .hasMessageContaining("secret bytes=15 min=16");
        assertThat(new Identity("owner", 1, "h", Ends.secret()).toString()).doesNotContain("sixteen");
    }
}
