// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.ControlService.Caller;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.tcp.ControlFrame.Kind;
import io.sparkmooncake.transfer.tcp.ControlFrame.Message;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The answering end of a control connection. While a caller has too many asks unanswered, or takes no answers, nothing more is
 * read from it.
 *
 * <p>Threading: the connection's event loop, but for services that are not brief, which run on the control threads.
 */
final class ControlAnswerer extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(ControlAnswerer.class);
    private static final int MAX_UNANSWERED = 256;
    private static final long MAX_UNANSWERED_BYTES = 2L * ControlFrame.MAX_PAYLOAD_BYTES;

    private final Wire wire;
    private final String self;
    private final Map<String, ControlService> services;
    private final Executor controlThreads;
    private final Duration stallLimit;
    private final Caller caller;
    private final ControlReader reader = new ControlReader();
    private @Nullable StallGuard guard;
    private final Set<String> failed = ConcurrentHashMap.newKeySet();
    private int unanswered;
    private long unansweredBytes;

    /** Creates the end of one connection; {@code services} is shared and may grow. */
    ControlAnswerer(
            Wire wire,
            String self,
            Map<String, ControlService> services,
            Executor controlThreads,
            Duration stallLimit) {
        this.wire = wire;
        this.self = self;
        this.services = services;
        this.controlThreads = controlThreads;
        this.stallLimit = stallLimit;
        this.caller = new Caller(wire.peerName(), wire.peerEpoch(), wire.peerHost());
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        guard = new StallGuard(
                wire,
                stallLimit,
                () -> reader.isMidFrame() && wire.channel().config().isAutoRead()
                        ? "an ask stopped in its middle"
                        : null);
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) throws TransferException {
        try {
            if (guard != null) {
                guard.read();
            }
            reader.read((ByteBuf) message, this::onMessage);
        } finally {
            ReferenceCountUtil.release(message);
        }
    }

    private void onMessage(Message message) {
        long id = message.head().requestId();
        if (message.head().kind() != Kind.ASK) {
            wire.end(Code.PROTOCOL, "peer " + wire.peer() + " answered where it may only ask");
            return;
        }
        String name = message.service();
        ControlService service = services.get(name);
        if (service == null) {
            reply(
                    Kind.REFUSE,
                    id,
                    text("peer " + self + " serves " + new TreeSet<>(services.keySet()) + ", not service=" + name));
            return;
        }
        if (service.isBrief(message.payload().asReadOnlyBuffer())) {
            answer(service, name, message);
            return;
        }
        int bytes = message.head().payloadBytes();
        count(1, bytes);
        try {
            controlThreads.execute(() -> {
                wire.run(() -> answer(service, name, message));
                answered(bytes);
            });
        } catch (RejectedExecutionException e) {
            count(-1, -bytes);
            reply(Kind.REFUSE, id, text("peer " + self + " is shutting down"));
        }
    }

    private void answer(ControlService service, String name, Message message) {
        long id = message.head().requestId();
        try {
            ByteBuffer answer = service.answer(caller, message.payload().asReadOnlyBuffer());
            if (answer.remaining() > ControlFrame.MAX_PAYLOAD_BYTES) {
                reply(
                        Kind.REFUSE,
                        id,
                        text("answer of service=" + name + " bytes=" + answer.remaining() + " limit="
                                + ControlFrame.MAX_PAYLOAD_BYTES + " at peer " + self + ": ask for less at a time"));
            } else {
                reply(Kind.ANSWER, id, answer);
            }
        } catch (Exception | Error e) {
            if (!(e instanceof IOException)
                    && failed.add(name + ": " + e.getClass().getName())) {
                LOG.warn(
                        "service {} failed for {}; further failures of this kind are not logged", name, wire.peer(), e);
            }
            reply(Kind.REFUSE, id, text(e.getMessage() == null ? e.toString() : e.getMessage()));
        }
    }

    private void answered(int bytes) {
        try {
            wire.loop().execute(() -> wire.run(() -> count(-1, -bytes)));
        } catch (RejectedExecutionException e) {
            wire.end(Code.CLOSED, "the tcp transport of peer " + self + " is closed");
        }
    }

    private static ByteBuffer text(String reason) {
        return ByteBuffer.wrap(reason.getBytes(UTF_8));
    }

    private void reply(Kind kind, long id, ByteBuffer payload) {
        int bytes = payload.remaining();
        ByteBuf head = wire.channel().alloc().buffer(ControlFrame.HEAD_BYTES);
        new ControlFrame(kind, 0, bytes, id).writeTo(head);
        ByteBuf frame = bytes == 0 ? head : Unpooled.wrappedBuffer(head, Unpooled.wrappedBuffer(payload));
        var unused = wire.channel().writeAndFlush(frame, wire.channel().voidPromise());
    }

    private void count(int asks, int bytes) {
        unanswered += asks;
        unansweredBytes += bytes;
        readOrPause();
    }

    private void readOrPause() {
        boolean read = unanswered < MAX_UNANSWERED
                && unansweredBytes < MAX_UNANSWERED_BYTES
                && wire.channel().isWritable();
        wire.channel().config().setAutoRead(read);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        readOrPause();
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        if (guard != null) {
            guard.close();
        }
        wire.announceLost();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
        wire.broken(error);
    }
}
