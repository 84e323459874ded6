// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollChannelOption;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.net.InetAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the kernel says about connections after they were tuned. */
final class SocketsTest {
    private final Ends ends = new Ends();
    private final EventLoops loops = EventLoops.start("sockets", 1);

    @AfterEach
    void close() {
        ends.close();
        loops.close();
    }

    private record KeepAlive(int idleSeconds, int intervalSeconds, int probes, int userTimeoutMillis) {
        static KeepAlive of(Channel channel) {
            assertThat(channel.config().getOption(ChannelOption.SO_KEEPALIVE)).isTrue();
            return new KeepAlive(
                    channel.config().getOption(EpollChannelOption.TCP_KEEPIDLE),
                    channel.config().getOption(EpollChannelOption.TCP_KEEPINTVL),
                    channel.config().getOption(EpollChannelOption.TCP_KEEPCNT),
                    channel.config().getOption(EpollChannelOption.TCP_USER_TIMEOUT));
        }
    }

    /** At 60 s six probes fit between the first, after 15 s, and the end: losing some of them ends no connection. */
    @ParameterizedTest
    @CsvSource({"60, 15, 7, 60000", "8, 2, 1, 8000", "1, 1, 1, 1000", "86400, 21600, 10800, 86400000"})
    void bothEndsOfAnIdleConnectionOutliveLostProbes(
            long limitSeconds, int idleSeconds, int intervalSeconds, int userTimeoutMillis) throws TransferException {
        assumeTrue(loops.epoll(), () -> "these are options of epoll's sockets: " + Epoll.unavailabilityCause());
        Sockets sockets = new Sockets(true, Duration.ofSeconds(limitSeconds));
        KeepAlive expected = new KeepAlive(idleSeconds, intervalSeconds, 8, userTimeoutMillis);
        TcpTransport owner = ends.start("owner", Ends.calm(false));
        Identity self = new Identity("dialer", 7, "127.0.0.1", Ends.secret());
        try (Dialer dialer = new Dialer(loops, self, Ends.LONG, sockets, InetAddress::getAllByName)) {
            Dial dial = new Dial(Ends.record("owner", owner), Purpose.CONTROL, false, wire -> {});
            dialer.start(dial);
            Wire wire = dial.outcome().orTimeout(60, TimeUnit.SECONDS).join();
            assertThat(KeepAlive.of(wire.channel())).isEqualTo(expected);
            wire.end(Code.CLOSED, "the test is over");

            assertThat(accepted(sockets, dialer)).isEqualTo(expected);
        }
    }

    private KeepAlive accepted(Sockets sockets, Dialer dialer) throws TransferException {
        CompletableFuture<KeepAlive> accepted = new CompletableFuture<>();
        ChannelInitializer<Channel> connection = new ChannelInitializer<>() {
            @Override
            protected void initChannel(Channel channel) {
                sockets.tune(channel, new ReceiveBuffer());
                accepted.complete(KeepAlive.of(channel));
            }
        };
        Listener listener = Listener.bind(
                loops, InetAddress::getAllByName, "127.0.0.1", Ends.calm(false).tcp(), connection);
        dialer.start(new Dial(Ends.record("other", listener.port()), Purpose.CONTROL, false, wire -> {}));
        KeepAlive read = accepted.orTimeout(60, TimeUnit.SECONDS).join();
        sockets.closeAll();
        listener.close();
        return read;
    }
}
