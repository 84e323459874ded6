// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Silence;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.tcp.ControlFrame.Kind;
import io.sparkmooncake.transfer.tcp.ControlFrame.Message;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The asking end of a control connection.
 *
 * <p>Threading: {@link #ask}, {@link #lost} and {@link #close} from any thread; all else on the connection's event loop, where
 * answers complete too: what depends on them must not block there.
 */
final class TcpControlChannel extends ChannelInboundHandlerAdapter implements ControlChannel {
    private final Wire wire;
    private final Duration stallLimit;
    private final ControlReader reader = new ControlReader();
    private final Map<Long, Ask> asks = new HashMap<>();
    private @Nullable StallGuard guard;
    private long nextId;

    /** How often bytes came that did not end an answer: while a large one arrives, those behind it are not late. */
    private long pieces;

    private boolean gone;

    /** A question without an answer. */
    private static final class Ask {
        private final String service;
        private final CompletableFuture<ByteBuffer> answer;
        private final Silence silence;
        private long seenPieces;
        private @Nullable ScheduledFuture<?> looks;

        Ask(String service, CompletableFuture<ByteBuffer> answer, Silence silence, long seenPieces) {
            this.service = service;
            this.answer = answer;
            this.silence = silence;
            this.seenPieces = seenPieces;
        }

        void rest() {
            if (looks != null) {
                looks.cancel(false);
            }
        }
    }

    TcpControlChannel(Wire wire, Duration stallLimit) {
        this.wire = wire;
        this.stallLimit = stallLimit;
    }

    @Override
    public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
        byte[] name = service.getBytes(UTF_8);
        int bytes = request.remaining();
        if (name.length == 0 || name.length > ControlFrame.MAX_NAME_BYTES || bytes > ControlFrame.MAX_PAYLOAD_BYTES) {
            return CompletableFuture.failedFuture(new TransferException(
                    Code.REFUSED,
                    "service=" + service + " request bytes=" + bytes + " limit=" + ControlFrame.MAX_PAYLOAD_BYTES
                            + " name limit=" + ControlFrame.MAX_NAME_BYTES + ": ask peer " + wire.peer()
                            + " for less at a time"));
        }
        CompletableFuture<ByteBuffer> answer = new CompletableFuture<>();
        ByteBuf frame;
        try {
            frame = wire.channel().alloc().buffer(ControlFrame.HEAD_BYTES + name.length + bytes);
        } catch (RuntimeException | Error e) {
            return CompletableFuture.failedFuture(new TransferException(
                    Code.REFUSED,
                    "no memory to ask peer " + wire.peer() + " service=" + service + " bytes=" + bytes + ": " + e
                            + ". Raise spark.executor.memoryOverhead",
                    e));
        }
        frame.writerIndex(ControlFrame.HEAD_BYTES).writeBytes(name).writeBytes(request.duplicate());
        try {
            Question question = new Question(service, name.length, bytes, frame);
            wire.loop().execute(() -> wire.run(() -> send(question, answer, timeout)));
        } catch (RejectedExecutionException e) {
            frame.release();
            answer.completeExceptionally(
                    new TransferException(Code.CLOSED, "the tcp transport to peer " + wire.peer() + " is closed", e));
        }
        return answer;
    }

    private record Question(String service, int nameBytes, int payloadBytes, ByteBuf frame) {}

    private void send(Question question, CompletableFuture<ByteBuffer> answer, Duration timeout) {
        if (gone) {
            question.frame.release();
            answer.completeExceptionally(wire.ended());
            return;
        }
        long id = nextId++;
        int end = question.frame.writerIndex();
        new ControlFrame(Kind.ASK, question.nameBytes, question.payloadBytes, id)
                .writeTo(question.frame.writerIndex(0));
        Silence silence = new Silence(timeout, wire.nanoTime());
        Ask ask = new Ask(question.service, answer, silence, pieces);
        asks.put(id, ask);
        ask.looks = wire.loop()
                .scheduleWithFixedDelay(
                        () -> wire.run(() -> look(id, timeout)),
                        silence.everyNanos(),
                        silence.everyNanos(),
                        TimeUnit.NANOSECONDS);
        var unused = wire.channel()
                .writeAndFlush(question.frame.writerIndex(end), wire.channel().voidPromise());
    }

    private void look(long id, Duration timeout) {
        Ask ask = asks.get(id);
        if (ask == null) {
            return;
        }
        if (ask.seenPieces != pieces) {
            ask.seenPieces = pieces;
            ask.silence.restart(wire.nanoTime());
        } else if (ask.silence.lastsAt(wire.nanoTime())) {
            expire(id, timeout);
        }
    }

    private void expire(long id, Duration timeout) {
        Ask ask = asks.remove(id);
        if (ask != null) {
            ask.rest();
            ask.answer.completeExceptionally(new TransferException(
                    Code.TIMED_OUT,
                    "peer " + wire.peer() + " did not answer service=" + ask.service + " within " + timeout.toMillis()
                            + " ms (other asks in flight=" + asks.size()
                            + "): check whether its process is stuck, or raise spark.mooncake.transfer.timeout"));
        }
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        guard = new StallGuard(wire, stallLimit, () -> reader.isMidFrame() ? "an answer stopped in its middle" : null);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) throws TransferException {
        try {
            if (guard != null) {
                guard.read();
            }
            reader.read((ByteBuf) message, this::onMessage);
            if (reader.isMidFrame()) {
                pieces++;
            }
        } finally {
            ReferenceCountUtil.release(message);
        }
    }

    private void onMessage(Message message) {
        Ask ask = asks.remove(message.head().requestId());
        if (message.head().kind() == Kind.ASK) {
            wire.end(Code.PROTOCOL, "peer " + wire.peer() + " asked on a connection that it was called on");
        }
        if (ask == null) {
            return; // it came after its time-out
        }
        ask.rest();
        if (message.head().kind() == Kind.ANSWER) {
            ask.answer.complete(message.payload());
        } else {
            ask.answer.completeExceptionally(new TransferException(Code.REFUSED, message.text()));
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        gone = true;
        if (guard != null) {
            guard.close();
        }
        asks.values().forEach(ask -> {
            ask.rest();
            ask.answer.completeExceptionally(wire.ended());
        });
        asks.clear();
        wire.announceLost();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
        wire.broken(error);
    }

    @Override
    public CompletableFuture<String> lost() {
        return wire.lost();
    }

    @Override
    public void close() {
        wire.end(Code.CLOSED, "the control channel to peer " + wire.peer() + " was closed on this side");
    }
}
