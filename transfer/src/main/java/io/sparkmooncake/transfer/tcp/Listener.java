// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOption;
import io.netty.util.NetUtil;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The bound socket of a transport. A fixed port that is taken leads to the next one, as Spark's own services do.
 *
 * <p>Threading: {@link #bind} blocks its caller; the rest from any thread.
 */
final class Listener {
    private static final int BACKLOG = 1024;
    private static final int FIRST_UNPRIVILEGED = 1024;
    private static final Duration BIND_LIMIT = Duration.ofSeconds(30);

    private final Channel channel;

    private Listener(Channel channel) {
        this.channel = channel;
    }

    /**
     * Binds the configured port or one of those after it: on the address that Spark binds if it was given one; on the host's own
     * address if this machine has it; else on all, as behind network address translation. A host name that this machine resolves to
     * loopback, as its own name in {@code /etc/hosts}, is bound on all: others resolve it to another address.
     *
     * @param names finds the addresses of {@code host}
     * @param connection initialises each connection that is accepted
     * @throws TransferException with one line for each port that was tried
     */
    static Listener bind(
            EventLoops loops, Dialer.Names names, String host, TransferSettings.Tcp tcp, ChannelHandler connection)
            throws TransferException {
        InetAddress address =
                tcp.bindAddress().isEmpty() ? ownAddress(host, addresses(names, host)) : given(tcp.bindAddress());
        ServerBootstrap bootstrap = new ServerBootstrap()
                .group(loops.group())
                .channel(loops.server())
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .option(ChannelOption.SO_REUSEADDR, true)
                .childHandler(connection);
        List<String> refusals = new ArrayList<>();
        int attempts = tcp.port() == 0 ? 1 : tcp.portMaxRetries() + 1;
        for (int attempt = 0; attempt < attempts; attempt++) {
            int port = tcp.port() == 0 ? 0 : port(tcp.port(), attempt);
            ChannelFuture bound = bootstrap.bind(new InetSocketAddress(address, port));
            if (!bound.awaitUninterruptibly(BIND_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
                bound.cancel(true);
                refusals.add("port=" + port + ": no answer within " + BIND_LIMIT.toMillis() + " ms");
            } else if (bound.isSuccess()) {
                return new Listener(bound.channel());
            } else {
                refusals.add("port=" + port + ": " + bound.cause().getMessage());
            }
        }
        throw new TransferException(
                Code.UNREACHABLE,
                "no listener on host=" + host + " address=" + address.getHostAddress() + ", " + refusals.size()
                        + " attempts: " + String.join("; ", refusals)
                        + ". Free a port, set spark.mooncake.tcp.port=0, or raise spark.port.maxRetries");
    }

    private static int port(int first, int attempt) {
        int port = first + attempt;
        return port <= 65_535 ? port : FIRST_UNPRIVILEGED + (port - 65_536) % (65_536 - FIRST_UNPRIVILEGED);
    }

    private static InetAddress ownAddress(String host, InetAddress[] addresses) {
        boolean meant = !addresses[0].isLoopbackAddress()
                || host.equals("localhost")
                || NetUtil.createByteArrayFromIpAddressString(host) != null;
        return addresses.length == 1 && meant && isOwn(addresses[0])
                ? addresses[0]
                : new InetSocketAddress(0).getAddress();
    }

    private static InetAddress given(String bindAddress) throws TransferException {
        try {
            return InetAddress.getByName(bindAddress);
        } catch (IOException e) {
            throw new TransferException(
                    Code.UNREACHABLE,
                    "address=" + bindAddress
                            + " that Spark binds does not resolve: check spark.driver.bindAddress, or the"
                            + " executor's --bind-address",
                    e);
        }
    }

    /** Returns whether this machine has the address of a host, so that dialing it must lead here. */
    static boolean isHere(String host) throws TransferException {
        return Arrays.stream(addresses(InetAddress::getAllByName, host)).anyMatch(Listener::isOwn);
    }

    private static boolean isOwn(InetAddress address) {
        try {
            return NetworkInterface.getByInetAddress(address) != null;
        } catch (SocketException e) {
            return false;
        }
    }

    private static InetAddress[] addresses(Dialer.Names names, String host) throws TransferException {
        try {
            return names.addresses(host);
        } catch (IOException e) {
            throw new TransferException(
                    Code.UNREACHABLE,
                    "host=" + host + " of this process does not resolve: set spark.driver.host or SPARK_LOCAL_HOSTNAME"
                            + " to a name or address that its peers can dial",
                    e);
        }
    }

    int port() {
        return ((InetSocketAddress) channel.localAddress()).getPort();
    }

    void close() {
        channel.close().awaitUninterruptibly(BIND_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }
}
