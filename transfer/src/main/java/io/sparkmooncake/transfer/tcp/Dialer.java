// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.util.NetUtil;
import io.netty.util.concurrent.ScheduledFuture;
import io.sparkmooncake.transfer.TransferException.Code;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Opens connections. Host names are resolved on threads that do nothing else, as that may block for long; each address of a name is
 * tried in turn. The deadline covers resolution, connect and handshake.
 *
 * <p>Threading: safe from any thread; nothing blocks.
 */
final class Dialer implements AutoCloseable {
    private static final int RESOLVERS = 4;

    /** One address may take this part of the limit to accept, so that another, or another dial, still has its time. */
    private static final int CONNECT_PART = 4;

    private static final long MIN_CONNECT_MILLIS = 2_000;

    private final EventLoops loops;
    private final Identity self;
    private final Duration limit;
    private final Names names;
    private final ThreadPoolExecutor resolvers;
    private final Sockets sockets;
    private final Set<Dial> dials = ConcurrentHashMap.newKeySet();

    /** Finds the addresses of a host; may block. */
    @FunctionalInterface
    interface Names {
        /** Returns at least one. */
        InetAddress[] addresses(String host) throws UnknownHostException;
    }

    Dialer(EventLoops loops, Identity self, Duration limit, Sockets sockets, Names names) {
        this.loops = loops;
        this.self = self;
        this.limit = limit;
        this.sockets = sockets;
        this.names = names;
        this.resolvers = new ThreadPoolExecutor(
                RESOLVERS, RESOLVERS, 60, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(task, "mooncake-resolver-" + self.name());
                    thread.setDaemon(true);
                    return thread;
                });
        resolvers.allowCoreThreadTimeOut(true);
    }

    /** Starts the attempt; its outcome is known within the deadline. */
    void start(Dial dial) {
        dials.add(dial);
        try {
            ScheduledFuture<?> deadline =
                    loops.group().schedule(() -> dial.late(limit.toMillis()), limit.toNanos(), TimeUnit.NANOSECONDS);
            var unused = dial.outcome().whenComplete((wire, failure) -> {
                deadline.cancel(false);
                dials.remove(dial);
            });
            String host = dial.peer().host();
            byte @Nullable [] literal = NetUtil.createByteArrayFromIpAddressString(host);
            if (literal != null) {
                connect(dial, List.of(InetAddress.getByAddress(host, literal)), 0);
            } else {
                resolvers.execute(() -> resolve(dial, host));
            }
        } catch (RejectedExecutionException | IllegalStateException e) {
            dials.remove(dial);
            dial.abandon(Code.CLOSED, "this transport is closed");
        } catch (UnknownHostException e) {
            dial.abandon(Code.UNREACHABLE, "its host is no address");
        }
    }

    private void resolve(Dial dial, String host) {
        dial.enter("resolving the host name");
        try {
            connect(dial, List.of(names.addresses(host)), 0);
        } catch (UnknownHostException e) {
            dial.abandon(Code.UNREACHABLE, "host=" + host + " does not resolve on this machine: check its DNS");
        } catch (RejectedExecutionException | IllegalStateException e) {
            dial.abandon(Code.CLOSED, "this transport is closed");
        } catch (RuntimeException e) {
            dial.abandon(Code.UNREACHABLE, "this process failed: " + e);
        }
    }

    private void connect(Dial dial, List<InetAddress> addresses, int index) {
        if (dial.isDone()) {
            return;
        }
        InetAddress address = addresses.get(index);
        dial.enter("connecting to " + address.getHostAddress());
        ReceiveBuffer receive = new ReceiveBuffer();
        long connectMillis =
                Math.max(MIN_CONNECT_MILLIS, limit.dividedBy(CONNECT_PART).toMillis());
        ChannelFuture connecting = new Bootstrap()
                .group(loops.group())
                .channel(loops.socket())
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) Math.min(Integer.MAX_VALUE, connectMillis))
                .handler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        sockets.tune(channel, receive);
                        channel.pipeline().addLast(new HandshakeCaller(self, dial.peer(), dial, receive));
                    }
                })
                .connect(new InetSocketAddress(address, dial.peer().port()));
        dial.on(connecting.channel());
        connecting.addListener(done -> {
            if (done.isSuccess()) {
                return;
            }
            if (index + 1 < addresses.size()) {
                connect(dial, addresses, index + 1);
                return;
            }
            dial.fail(
                    Code.UNREACHABLE,
                    done.cause().getMessage()
                            + (index == 0 ? "" : " (the last of addresses=" + addresses.size() + ")")
                            + ": check that the process lives and that its port is open");
        });
    }

    /** Ends the threads that resolve. */
    @Override
    public void close() {
        resolvers.shutdownNow();
    }

    /** Ends the attempts that {@code condition} picks by name and epoch. */
    void abandon(BiPredicate<String, Long> condition, Code code, String reason) {
        dials.forEach(dial -> {
            if (condition.test(dial.peer().name(), dial.peer().epoch())) {
                dial.abandon(code, reason);
            }
        });
    }
}
