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
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Opens connections. Host names are resolved on the control threads, as that may block; the deadline covers resolution,
 * connect and handshake.
 *
 * <p>Threading: safe from any thread; nothing blocks.
 */
final class Dialer {
    private final EventLoops loops;
    private final Identity self;
    private final Duration limit;
    private final Executor resolvers;
    private final Sockets sockets;
    private final Set<Dial> dials = ConcurrentHashMap.newKeySet();

    Dialer(EventLoops loops, Identity self, Duration limit, Executor resolvers, Sockets sockets) {
        this.loops = loops;
        this.self = self;
        this.limit = limit;
        this.resolvers = resolvers;
        this.sockets = sockets;
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
                connect(dial, InetAddress.getByAddress(host, literal));
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
            connect(dial, InetAddress.getByName(host));
        } catch (UnknownHostException e) {
            dial.abandon(Code.UNREACHABLE, "host=" + host + " does not resolve on this machine: check its DNS");
        } catch (RejectedExecutionException | IllegalStateException e) {
            dial.abandon(Code.CLOSED, "this transport is closed");
        } catch (RuntimeException e) {
            dial.abandon(Code.UNREACHABLE, "this process failed: " + e);
        }
    }

    private void connect(Dial dial, InetAddress address) {
        if (dial.isDone()) {
            return;
        }
        dial.enter("connecting");
        ReceiveBuffer receive = new ReceiveBuffer();
        ChannelFuture connecting = new Bootstrap()
                .group(loops.group())
                .channel(loops.socket())
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) Math.min(Integer.MAX_VALUE, limit.toMillis()))
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
            if (!done.isSuccess()) {
                dial.fail(
                        Code.UNREACHABLE,
                        done.cause().getMessage() + ": check that the process lives and that its port is open");
            }
        });
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
