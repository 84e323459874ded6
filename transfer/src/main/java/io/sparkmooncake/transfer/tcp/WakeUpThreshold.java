// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.unix.IntegerUnixChannelOption;

/**
 * How many bytes must have come before the kernel wakes a connection's event loop (SO_RCVLOWAT). In the middle of a body a
 * wake-up for each segment costs about as much as copying it. The kernel wakes the loop earlier when its buffer fills up or
 * the connection ends; where there is no such option nothing is done.
 *
 * <p>Threading: the connection's event loop.
 */
final class WakeUpThreshold {
    /** Few enough that a slow link is not taken for a silent one: 60 s of silence would be 4 KiB/s. */
    static final int BYTES = 256 << 10;

    private static final int SOL_SOCKET = 1;
    private static final int SO_RCVLOWAT = 18;
    private static final IntegerUnixChannelOption OPTION =
            new IntegerUnixChannelOption("SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT);

    private final Channel channel;
    private boolean raised;

    WakeUpThreshold(Channel channel) {
        this.channel = channel;
    }

    /** Tells how many more bytes are sure to come: the rest of a frame whose head was read. */
    void expect(long bytes) {
        boolean raise = bytes >= BYTES;
        if (raise != raised && channel instanceof EpollSocketChannel) {
            channel.config().setOption(OPTION, raise ? BYTES : 1);
            raised = raise;
        }
    }
}
