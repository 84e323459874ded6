// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.sparkmooncake.transfer.TransferException;
import org.jspecify.annotations.Nullable;

/**
 * Puts the frames of a data connection together. As the {@link ReceiveBuffer.Plan} of an unencrypted connection it makes the
 * socket be read straight into the region that a body is for; bytes that come through another buffer are copied once.
 *
 * <p>Threading: the connection's event loop.
 */
final class DataReader implements ReceiveBuffer.Plan {
    /** Shorter pieces of a region are not worth a system call of their own: they are read together and copied. */
    static final int MIN_DIRECT_BYTES = 8 << 10;

    private final Sink sink;
    private final ByteBuf head = Unpooled.buffer(DataFrame.HEAD_BYTES, DataFrame.HEAD_BYTES);
    private @Nullable DataFrame frame;
    private @Nullable ByteBuf columns;
    private long bodyRemaining;
    private @Nullable Segment segment;
    private long segmentDone;
    private @Nullable WakeUpThreshold threshold;
    private boolean closed;

    /** What the frames mean to this end of the connection. */
    interface Sink {
        /** A frame that is no BODY; {@code columns} is borrowed. */
        void onFrame(DataFrame frame, ByteBuf columns) throws TransferException;

        /** A BODY begins; it has at least one byte. */
        void onBody(DataFrame frame) throws TransferException;

        /** Says where the next bytes of the body go: a segment of at least one and at most {@code limit} bytes. */
        Segment nextSegment(long limit);

        /** That many bytes of the body went where {@link #nextSegment} said; {@code segmentEnded} if it is used up. */
        void onBytes(long bytes, boolean segmentEnded);

        void onBodyEnd();

        /** Returns how many bytes to read at once when a head comes next: no more than are worth copying. */
        int bytesToReadWithHead();
    }

    DataReader(Sink sink) {
        this.sink = sink;
    }

    /** Lets the socket be read straight into regions; for connections whose bytes are not encrypted. */
    void landDirectly(Wire wire) {
        threshold = new WakeUpThreshold(wire.channel());
        wire.receive().follow(this);
    }

    boolean isMidFrame() {
        return frame != null || head.isReadable();
    }

    @Override
    public ByteBuf next(ByteBufAllocator allocator) {
        int bytes;
        if (bodyRemaining > 0) {
            ByteBuf memory = segment().memory();
            if (memory != null && memory.capacity() >= MIN_DIRECT_BYTES) {
                return memory.retain();
            }
            bytes = (int) Math.min(ReceiveBuffer.DEFAULT_BYTES, bodyRemaining + DataFrame.HEAD_BYTES);
        } else if (frame != null && columns != null) {
            bytes = Math.min(
                    ReceiveBuffer.DEFAULT_BYTES, frame.columnBytes() - columns.readableBytes() + DataFrame.HEAD_BYTES);
        } else {
            bytes = Math.max(DataFrame.HEAD_BYTES - head.readableBytes(), sink.bytesToReadWithHead());
        }
        return allocator.ioBuffer(bytes, bytes);
    }

    /** Takes what was read: bytes in a buffer, or a region that {@link #next} lent to the socket. */
    void read(ByteBuf in) throws TransferException {
        if (segment != null && segment.isIn(in)) {
            long bytes = in.writerIndex() - segmentDone;
            in.release();
            landed(bytes);
            return;
        }
        try {
            while (in.isReadable() && !closed) {
                if (bodyRemaining > 0) {
                    readBody(in);
                } else if (frame == null) {
                    readHead(in);
                } else {
                    readColumns(in, frame);
                }
            }
        } finally {
            in.release();
        }
    }

    private void readHead(ByteBuf in) throws TransferException {
        head.writeBytes(in, Math.min(in.readableBytes(), head.writableBytes()));
        if (head.isWritable()) {
            return;
        }
        DataFrame next = DataFrame.readFrom(head);
        head.clear();
        if (next.columnBytes() > 0) {
            frame = next;
            columns = in.alloc().buffer(Math.min(next.columnBytes(), ReceiveBuffer.DEFAULT_BYTES), next.columnBytes());
        } else if (next.bodyBytes() > 0) {
            sink.onBody(next);
            frame = next;
            bodyRemaining = next.bodyBytes();
            expectBody();
        } else {
            sink.onFrame(next, Unpooled.EMPTY_BUFFER);
        }
    }

    private void readColumns(ByteBuf in, DataFrame whole) throws TransferException {
        ByteBuf gathered = columns;
        if (gathered == null) {
            throw new IllegalStateException("no columns for " + whole);
        }
        gathered.writeBytes(in, Math.min(in.readableBytes(), whole.columnBytes() - gathered.readableBytes()));
        if (gathered.readableBytes() < whole.columnBytes()) {
            return;
        }
        frame = null;
        columns = null;
        try {
            sink.onFrame(whole, gathered);
        } finally {
            gathered.release();
        }
    }

    private void readBody(ByteBuf in) {
        Segment target = segment();
        int bytes = (int) Math.min(in.readableBytes(), target.bytes() - segmentDone);
        if (target.memory() == null) {
            in.skipBytes(bytes);
        } else {
            target.memory().writeBytes(in, bytes);
        }
        landed(bytes);
    }

    private Segment segment() {
        if (segment == null) {
            segment = sink.nextSegment(bodyRemaining);
            segmentDone = 0;
        }
        return segment;
    }

    private void landed(long bytes) {
        segmentDone += bytes;
        bodyRemaining -= bytes;
        expectBody();
        boolean segmentEnded = segment != null && segmentDone == segment.bytes();
        if (segmentEnded) {
            segment = null;
        }
        if (bodyRemaining == 0) {
            frame = null;
        }
        sink.onBytes(bytes, segmentEnded);
        if (bodyRemaining == 0 && frame == null) {
            sink.onBodyEnd();
        }
    }

    private void expectBody() {
        if (threshold != null) {
            threshold.expect(bodyRemaining);
        }
    }

    /** From now on the bytes of the segment at hand are drained: its memory is not written any more. */
    void abandonSegment() {
        if (segment != null) {
            segment = Segment.drain(segment.bytes() - segmentDone);
            segmentDone = 0;
        }
    }

    /** Reads nothing more and lets go of every memory. */
    void close() {
        closed = true;
        segment = null;
        if (columns != null) {
            columns.release();
            columns = null;
        }
    }
}
