// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.CodecException;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One authenticated connection: who is at the other end, and why it ended.
 *
 * <p>Threading: safe from any thread. The first {@link #end} gives the reason; what the connection carried is failed on its
 * event loop when the channel is inactive, and then {@link #lost} completes.
 */
final class Wire {
    private static final Logger LOG = LoggerFactory.getLogger(Wire.class);

    private final Channel channel;
    private final ReceiveBuffer receive;
    private final String peerName;
    private final long peerEpoch;
    private final String address;
    private final LongSupplier clock;
    private final AtomicReference<TransferException> ending = new AtomicReference<>();
    private final CompletableFuture<String> lost = new CompletableFuture<>();

    Wire(Channel channel, ReceiveBuffer receive, String peerName, long peerEpoch) {
        this(channel, receive, peerName, peerEpoch, System::nanoTime);
    }

    /** Creates a connection whose time-outs count on this clock. */
    Wire(Channel channel, ReceiveBuffer receive, String peerName, long peerEpoch, LongSupplier clock) {
        this.clock = clock;
        this.channel = channel;
        this.receive = receive;
        this.peerName = peerName;
        this.peerEpoch = peerEpoch;
        this.address = channel.remoteAddress() instanceof InetSocketAddress remote
                ? remote.getAddress().getHostAddress() + ":" + remote.getPort()
                : String.valueOf(channel.remoteAddress());
    }

    Channel channel() {
        return channel;
    }

    EventLoop loop() {
        return channel.eventLoop();
    }

    /** Returns the time that time-outs count in. */
    long nanoTime() {
        return clock.getAsLong();
    }

    ReceiveBuffer receive() {
        return receive;
    }

    String peerName() {
        return peerName;
    }

    boolean isTo(String name, long epoch) {
        return peerName.equals(name) && peerEpoch == epoch;
    }

    long peerEpoch() {
        return peerEpoch;
    }

    String peerHost() {
        return address.substring(0, Math.max(0, address.lastIndexOf(':')));
    }

    /** Returns {@code name (address:port)}, as errors name the peer. */
    String peer() {
        return peerName + " (" + address + ")";
    }

    /** Event loop: queues a frame, which is released; a failure ends the connection. */
    void write(ByteBuf frame) {
        var unused = channel.write(frame, channel.voidPromise());
    }

    /**
     * Event loop: queues a frame, which is released, and runs the action when it left the process or never will; a failure ends the
     * connection.
     */
    void write(ByteBuf frame, Runnable left) {
        var unused = channel.write(frame).addListener(done -> {
            run(left);
            if (!done.isSuccess()) {
                broken(done.cause());
            }
        });
    }

    /** Event loop: runs an action of this connection that no handler answers for; one that throws ends the connection. */
    void run(Runnable action) {
        try {
            action.run();
        } catch (RuntimeException | Error e) {
            defect(e);
        }
    }

    /** Ends the connection for a failure of this process: memory that ran out, or a defect. It is no fault of the peer. */
    void defect(Throwable error) {
        if (ending.get() == null) {
            LOG.error("tcp connection to peer {} is closed: this process failed", peer(), error);
        }
        end(new TransferException(
                Code.CLOSED,
                "tcp connection to peer " + peer() + " is closed, because this process failed: " + error
                        + ". See the log of this process",
                error));
    }

    /** Ends the connection; the first reason counts. */
    void end(Code code, String reason) {
        end(new TransferException(code, reason));
    }

    private void end(TransferException reason) {
        ending.compareAndSet(null, reason);
        var unused = channel.close();
    }

    /** Event loop, channel inactive: returns why, for what the connection still carried. */
    TransferException ended() {
        ending.compareAndSet(
                null,
                new TransferException(
                        Code.PEER_LOST,
                        "peer " + peer() + " closed the tcp connection: see its log for why the process ended"));
        return Objects.requireNonNull(ending.get(), "ending");
    }

    /** Event loop, last act of the connection's handler. */
    void announceLost() {
        lost.complete(ended().getMessage());
    }

    CompletableFuture<String> lost() {
        return lost;
    }

    /** Event loop: turns an exception of the pipeline into the reason of the end. */
    void broken(Throwable error) {
        Throwable cause = error instanceof CodecException && error.getCause() != null ? error.getCause() : error;
        if (cause instanceof ClosedChannelException) {
            end(ended());
        } else if (cause instanceof TransferException known) {
            end(new TransferException(
                    known.code(), "tcp connection to peer " + peer() + " is closed: " + known.getMessage(), known));
        } else if (!(cause instanceof IOException)) {
            defect(cause);
        } else {
            end(new TransferException(Code.PEER_LOST, "tcp connection to peer " + peer() + " broke: " + cause, cause));
        }
    }
}
