// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.channel.ChannelOutboundBuffer;
import io.netty.util.concurrent.ScheduledFuture;
import io.sparkmooncake.transfer.TransferException.Code;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Ends a connection on which nothing moves although something should: the peer is frozen, its packets vanish, or it stopped
 * reading and would pin our memory for ever. Looks eight times per limit, so it acts after one to one and a quarter limits.
 *
 * <p>Threading: the connection's event loop.
 */
final class StallGuard implements Runnable {
    private static final int LOOKS_PER_LIMIT = 8;

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
     * @param waitingFor says what must come from the peer; null when nothing has to
     */
    StallGuard(Wire wire, Duration limit, Supplier<@Nullable String> waitingFor) {
        this.wire = wire;
        this.limit = limit;
        this.waitingFor = waitingFor;
        long everyNanos = Math.max(TimeUnit.MILLISECONDS.toNanos(5), limit.toNanos() / LOOKS_PER_LIMIT);
        this.look = wire.loop().scheduleWithFixedDelay(this, everyNanos, everyNanos, TimeUnit.NANOSECONDS);
    }

    /** Says that bytes came; bytes that leave are seen without being told. */
    void read() {
        readCount++;
    }

    @Override
    public void run() {
        ChannelOutboundBuffer queue = wire.channel().unsafe().outboundBuffer();
        long pendingBytes = queue == null ? 0 : queue.totalPendingWriteBytes();
        long written = queue == null
                ? 0
                : 31L * (31L * System.identityHashCode(queue.current()) + pendingBytes) + queue.currentProgress();
        String waiting = waitingFor.get();
        if (waiting != null && inbound.isStill(31L * written + readCount)) {
            end("peer " + wire.peer() + " sends nothing: " + waiting, inbound);
        } else if (pendingBytes > 0 && outbound.isStill(written)) {
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
        private long seen;
        private long sinceNanos;
        private boolean watched;

        boolean isStill(long progress) {
            if (!watched || progress != seen) {
                watched = true;
                seen = progress;
                sinceNanos = System.nanoTime();
                return false;
            }
            return System.nanoTime() - sinceNanos >= limit.toNanos();
        }

        void rest() {
            watched = false;
        }

        long stillMillis() {
            return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - sinceNanos);
        }
    }
}
