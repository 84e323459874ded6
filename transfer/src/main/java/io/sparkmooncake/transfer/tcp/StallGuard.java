// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.channel.ChannelOutboundBuffer;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Silence;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Ends a connection on which nothing moves although something should: the peer is frozen, its packets vanish, or it stopped
 * reading and would pin our memory for ever. Acts after one to one and a quarter limits; a pause of this process is not part of
 * them (see {@link Silence}).
 *
 * <p>Threading: the connection's event loop.
 */
final class StallGuard implements Runnable {
    private final Wire wire;
    private final Duration limit;
    private final Supplier<@Nullable String> waitingFor;
    private final Lane inbound = new Lane();
    private final Lane outbound = new Lane();
    private final ScheduledFuture<?> look;
    private long readCount;

    /**
     * Starts looking, until {@link #close}.
     *
     * @param waitingFor describes what must come from the peer; null when nothing has to
     */
    StallGuard(Wire wire, Duration limit, Supplier<@Nullable String> waitingFor) {
        this.wire = wire;
        this.limit = limit;
        this.waitingFor = waitingFor;
        long everyNanos = new Silence(limit, 0).everyNanos();
        this.look =
                wire.loop().scheduleWithFixedDelay(() -> wire.run(this), everyNanos, everyNanos, TimeUnit.NANOSECONDS);
    }

    /** Bytes came; bytes that leave are seen in the socket's queue. */
    void read() {
        readCount++;
    }

    /** Returns a number that changes whenever bytes came or left. */
    long movement() {
        return 31L * written(wire.channel().unsafe().outboundBuffer()) + readCount;
    }

    private static long written(@Nullable ChannelOutboundBuffer queue) {
        return queue == null
                ? 0
                : 31L * (31L * System.identityHashCode(queue.current()) + queue.totalPendingWriteBytes())
                        + queue.currentProgress();
    }

    @Override
    public void run() {
        ChannelOutboundBuffer queue = wire.channel().unsafe().outboundBuffer();
        long pendingBytes = queue == null ? 0 : queue.totalPendingWriteBytes();
        String waiting = waitingFor.get();
        if (waiting != null && inbound.isStill(movement())) {
            end("peer " + wire.peer() + " sends nothing: " + waiting, inbound);
        } else if (pendingBytes > 0 && outbound.isStill(written(queue))) {
            end("peer " + wire.peer() + " takes nothing, pending bytes=" + pendingBytes, outbound);
        }
        if (waiting == null) {
            inbound.rest();
        }
        if (pendingBytes == 0) {
            outbound.rest();
        }
    }

    private void end(String what, Lane lane) {
        close();
        wire.end(
                Code.PEER_LOST,
                what + "; nothing moved for " + lane.stillMillis() + " ms (limit " + limit.toMillis()
                        + " ms): the process is stuck or the network drops its packets; the connection is closed");
    }

    void close() {
        look.cancel(false);
    }

    /** One direction. */
    private final class Lane {
        private @Nullable Silence silence;
        private long seen;

        boolean isStill(long progress) {
            long nowNanos = wire.nanoTime();
            if (silence == null || progress != seen) {
                seen = progress;
                silence = new Silence(limit, nowNanos);
                return false;
            }
            return silence.lastsAt(nowNanos);
        }

        void rest() {
            silence = null;
        }

        long stillMillis() {
            return silence == null ? 0 : silence.elapsed(wire.nanoTime()).toMillis();
        }
    }
}
