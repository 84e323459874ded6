// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Options of connections, and the set of those that are open. The kernel's own time-outs are set in addition to ours, for
 * connections on which we wait for nothing.
 *
 * <p>Threading: safe from any thread.
 */
final class Sockets {
    /** Between these a connection's writer pauses; above the longest run, so that the socket never runs dry. */
    private static final WriteBufferWaterMark WATER_MARK =
            new WriteBufferWaterMark(BodyWriter.MAX_RUN_BYTES, 2 * BodyWriter.MAX_RUN_BYTES);

    /** The kernel's largest values. */
    private static final int MAX_KEEPALIVE_SECONDS = 32_767;

    private static final int MAX_USER_TIMEOUT_SECONDS = Integer.MAX_VALUE / 1000;

    /**
     * With TCP_USER_TIMEOUT the kernel ignores the number of probes: an idle connection ends once the limit has passed since
     * the peer was last heard of. Probes begin early enough that several must be lost for that.
     */
    private static final int QUIET_PARTS = 4;

    private static final int PROBE_PARTS = 8;

    private final boolean epoll;
    private final Duration stallLimit;
    private final Set<Channel> open = ConcurrentHashMap.newKeySet();

    Sockets(boolean epoll, Duration stallLimit) {
        this.epoll = epoll;
        this.stallLimit = stallLimit;
    }

    /** Event loop: prepares a new connection and follows it until it is closed. */
    void tune(Channel channel, ReceiveBuffer receive) {
        open.add(channel);
        var unused = channel.closeFuture().addListener(closed -> open.remove(channel));
        channel.config().setRecvByteBufAllocator(receive);
        channel.config().setWriteBufferWaterMark(WATER_MARK);
        channel.config().setOption(ChannelOption.TCP_NODELAY, true);
        channel.config().setOption(ChannelOption.SO_KEEPALIVE, true);
        if (epoll) {
            int limitSeconds = clip(stallLimit.toSeconds(), MAX_USER_TIMEOUT_SECONDS);
            channel.config().setOption(EpollChannelOption.TCP_USER_TIMEOUT, 1000 * limitSeconds);
            channel.config()
                    .setOption(
                            EpollChannelOption.TCP_KEEPIDLE, clip(limitSeconds / QUIET_PARTS, MAX_KEEPALIVE_SECONDS));
            channel.config()
                    .setOption(
                            EpollChannelOption.TCP_KEEPINTVL, clip(limitSeconds / PROBE_PARTS, MAX_KEEPALIVE_SECONDS));
            channel.config().setOption(EpollChannelOption.TCP_KEEPCNT, PROBE_PARTS);
        }
    }

    private static int clip(long seconds, int most) {
        return (int) Math.max(1, Math.min(seconds, most));
    }

    void closeAll() {
        for (Channel channel : open) {
            var unused = channel.close();
        }
    }
}
