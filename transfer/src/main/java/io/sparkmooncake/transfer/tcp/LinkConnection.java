// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The caller's end of a data connection. After a batch is done none of its memory is touched: bytes that still come are
 * drained, and a batch whose bytes are in the socket's queue is not done before they left it or the connection ended.
 *
 * <p>Threading: the connection's event loop.
 */
final class LinkConnection extends ChannelInboundHandlerAdapter implements DataReader.Sink {
    private final Wire wire;
    private final Duration stallLimit;
    private final DataReader reader = new DataReader(this);
    private final BodyWriter bodies;
    private final RequestCutter cutter = new RequestCutter();
    private final Set<LinkBatch> batches = new HashSet<>();
    private final ArrayDeque<Request> reads = new ArrayDeque<>();
    private final ArrayDeque<Request> unopenedWrites = new ArrayDeque<>();
    private final ArrayDeque<Request> openedWrites = new ArrayDeque<>();
    private @Nullable Request sending;
    private @Nullable StallGuard guard;
    private boolean pumping;
    private boolean gone;
    private long lastReadNanos;

    LinkConnection(Wire wire, Duration stallLimit) {
        this.wire = wire;
        this.stallLimit = stallLimit;
        this.bodies = new BodyWriter(wire);
        this.lastReadNanos = wire.nanoTime();
    }

    /** Makes bodies of READs land without a copy; for connections whose bytes are not encrypted. */
    void landDirectly() {
        reader.landDirectly(wire);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        guard = new StallGuard(wire, stallLimit, this::waitingFor);
    }

    private @Nullable String waitingFor() {
        if (!reads.isEmpty()) {
            return "READ requests without all bytes=" + reads.size();
        }
        if (!openedWrites.isEmpty() && sending == null) {
            return "WRITE requests unconfirmed=" + openedWrites.size();
        }
        return reader.isMidFrame() ? "a frame stopped in its middle" : null;
    }

    void submit(TransferBatch batch) {
        if (gone) {
            batch.failUnfinished(wire.ended());
            return;
        }
        if (batch.cancellation().isDone()) {
            batch.failUnfinished(cancelled(batch));
            return;
        }
        LinkBatch started = new LinkBatch(batch, wire.nanoTime(), this::retire);
        batches.add(started); // first of all: should the rest throw, it ends with the connection
        List<Request> requests = cutter.cut(started, wire);
        if (batch.isDone()) {
            batches.remove(started);
            return;
        }
        long everyNanos = started.lookNanos();
        started.watch(wire.loop()
                .scheduleWithFixedDelay(
                        () -> wire.run(() -> look(started)), everyNanos, everyNanos, TimeUnit.NANOSECONDS));
        if (batch.opcode() == Opcode.READ) {
            for (Request request : requests) {
                reads.add(request);
                open(DataFrame.Kind.READ, request);
            }
            wire.channel().flush();
        } else {
            unopenedWrites.addAll(requests);
            pump();
        }
    }

    private void open(DataFrame.Kind kind, Request request) {
        EntryColumns columns = request.columns();
        int bytes = columns.encodedBytes();
        ByteBuf frame = wire.channel().alloc().directBuffer(DataFrame.HEAD_BYTES + bytes);
        new DataFrame(kind, Refusal.NONE, columns.entries(), request.id(), bytes).writeTo(frame);
        columns.writeTo(frame);
        wire.write(frame);
    }

    /** Sends bodies of WRITEs as the socket takes them, one request after the other. */
    private void pump() {
        if (pumping) {
            return;
        }
        pumping = true;
        try {
            Channel channel = wire.channel();
            while (channel.isWritable() && (sending != null || !unopenedWrites.isEmpty())) {
                queueWrites(channel);
                channel.flush();
            }
        } finally {
            pumping = false;
        }
    }

    private void queueWrites(Channel channel) {
        while (channel.isWritable() && (sending != null || !unopenedWrites.isEmpty())) {
            if (sending == null) {
                sending = unopenedWrites.remove();
                openedWrites.add(sending);
                open(DataFrame.Kind.WRITE, sending);
            }
            bodies.write(sending.id(), sending);
            if (sending.isSent()) {
                sending = null;
            }
        }
    }

    // ---- frames of the owner

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) throws TransferException {
        lastReadNanos = wire.nanoTime();
        if (guard != null) {
            guard.read();
        }
        reader.read((ByteBuf) message);
    }

    @Override
    public void onFrame(DataFrame frame, ByteBuf columns) throws TransferException {
        ArrayDeque<Request> queue = isNext(reads, frame) ? reads : openedWrites;
        if (frame.kind() != DataFrame.Kind.ENDED || !isNext(queue, frame)) {
            throw new TransferException(Code.PROTOCOL, "unexpected " + frame);
        }
        Request request = queue.element();
        request.ended(frame, wire);
        settle(queue, request);
    }

    private static boolean isNext(ArrayDeque<Request> queue, DataFrame frame) {
        Request next = queue.peek();
        return next != null && next.id() == frame.requestId();
    }

    private void settle(ArrayDeque<Request> queue, Request request) {
        if (request.isEnded()) {
            queue.remove();
        }
        retire(request.owner());
    }

    private void retire(LinkBatch batch) {
        if (batch.retire()) {
            batches.remove(batch);
        }
    }

    @Override
    public void onBody(DataFrame frame) throws TransferException {
        if (!isNext(reads, frame) || frame.bytes() > reads.element().bytesLeft()) {
            throw new TransferException(Code.PROTOCOL, "unexpected " + frame);
        }
    }

    @Override
    public Segment nextSegment(long limit) {
        return reads.element().nextSegment(limit);
    }

    @Override
    public void onBytes(long bytes, boolean segmentEnded) {
        Request request = reads.element();
        request.arrived(bytes);
        settle(reads, request);
    }

    @Override
    public void onBodyEnd() {}

    @Override
    public int bytesToReadWithHead() {
        Request next = reads.peek();
        if (next == null) {
            return 1024;
        }
        return next.bytesLeft() >= DataReader.MIN_DIRECT_BYTES
                ? DataFrame.HEAD_BYTES
                : (int) next.bytesLeft() + 4 * DataFrame.HEAD_BYTES;
    }

    // ---- ends

    void cancel(TransferBatch batch) {
        for (LinkBatch candidate : batches) {
            if (candidate.batch() == batch) {
                end(candidate, cancelled(batch));
                return;
            }
        }
    }

    private TransferException cancelled(TransferBatch batch) {
        return new TransferException(Code.CANCELLED, describe(batch) + " was cancelled by its caller");
    }

    private void look(LinkBatch batch) {
        if (guard != null && batch.isLate(guard.movement(), wire.nanoTime())) {
            expire(batch);
        }
    }

    private void expire(LinkBatch batch) {
        long silentMillis = TimeUnit.NANOSECONDS.toMillis(wire.nanoTime() - lastReadNanos);
        TransferException late = new TransferException(
                Code.TIMED_OUT,
                describe(batch.batch()) + " saw nothing move for "
                        + batch.batch().timeout().toMillis() + " ms; the peer sent its last byte " + silentMillis
                        + " ms ago: check whether its process is stuck, or raise spark.mooncake.transfer.timeout");
        end(batch, late);
        if (batch.isQueued()) {
            wire.end(
                    Code.PEER_LOST,
                    "peer " + wire.peer() + " took the bytes of a WRITE neither within its time-out nor"
                            + " after it, so the tcp connection is closed");
        }
    }

    private String describe(TransferBatch batch) {
        long bytesLeft = 0;
        for (ArrayDeque<Request> queue : List.of(reads, openedWrites, unopenedWrites)) {
            for (Request request : queue) {
                bytesLeft += request.isOf(batch) ? request.bytesLeft() : 0;
            }
        }
        return batch.opcode() + " over tcp with peer " + wire.peer() + ", requests=" + batch.count() + " bytes left="
                + bytesLeft + " of " + batch.totalBytes() + ",";
    }

    private void end(LinkBatch batch, TransferException reason) {
        batch.end(reason);
        boolean told = false;
        for (Request request : reads) {
            if (request.owner() == batch) {
                sendCancel(request);
                told = true;
            }
        }
        if (told && !reads.isEmpty() && reads.element().owner() == batch) {
            reader.abandonSegment();
        }
        unopenedWrites.removeIf(request -> request.owner() == batch);
        if (sending != null && sending.owner() == batch) {
            sendCancel(sending);
            sending = null;
            told = true;
        }
        if (told) {
            wire.channel().flush();
        }
        batch.failUnlessQueued(reason);
        retire(batch);
        pump();
    }

    private void sendCancel(Request request) {
        ByteBuf frame = wire.channel().alloc().directBuffer(DataFrame.HEAD_BYTES, DataFrame.HEAD_BYTES);
        DataFrame.cancel(request.id()).writeTo(frame);
        wire.write(frame);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        pump();
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        gone = true;
        reader.close();
        if (guard != null) {
            guard.close();
        }
        for (LinkBatch batch : List.copyOf(batches)) {
            batch.failUnlessQueued(wire.ended());
            retire(batch);
        }
        wire.announceLost();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
        wire.broken(error);
    }
}
