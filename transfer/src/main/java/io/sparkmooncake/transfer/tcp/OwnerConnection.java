// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * The owner's end of a data connection: answers READs in order, as the caller takes the bytes, and lands WRITEs.
 *
 * <p>Threading: the connection's event loop.
 */
final class OwnerConnection extends ChannelInboundHandlerAdapter implements DataReader.Sink {
    /** Requests waiting for their turn hold at most about this; beyond it nothing more is read. */
    private static final int MAX_WAITING_BYTES = 8 << 20;

    /** Bytes after which other connections of the event loop get their turn. */
    private static final long MAX_TURN_BYTES = 8L << 20;

    private final Wire wire;
    private final RegionTable table;
    private final Duration stallLimit;
    private final DataReader reader = new DataReader(this);
    private final BodyWriter bodies;
    private final FileBodies files;
    private final ArrayDeque<ReadTask> reads = new ArrayDeque<>();
    private long waitingBytes;
    private @Nullable WriteTask write;
    private @Nullable StallGuard guard;
    private boolean pumping;

    /**
     * Creates the owner's end.
     *
     * @param readers threads that read regions in files
     */
    OwnerConnection(Wire wire, RegionTable table, Duration stallLimit, Executor readers) {
        this.wire = wire;
        this.table = table;
        this.stallLimit = stallLimit;
        this.bodies = new BodyWriter(wire);
        this.files = new FileBodies(wire, readers, bodies, this::pump);
    }

    /** Makes bodies of WRITEs land without a copy; for connections whose bytes are not encrypted. */
    void landDirectly() {
        reader.landDirectly(wire);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        guard = new StallGuard(wire, stallLimit, this::waitingFor);
    }

    private @Nullable String waitingFor() {
        if (!wire.channel().config().isAutoRead()) {
            return null;
        }
        if (write != null) {
            return "the bodies of a WRITE stopped, bytes left=" + write.bytesLeft();
        }
        return reader.isMidFrame() ? "a request stopped in its middle" : null;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) throws TransferException {
        if (guard != null) {
            guard.read();
        }
        reader.read((ByteBuf) message);
    }

    @Override
    public void onFrame(DataFrame frame, ByteBuf columns) throws TransferException {
        switch (frame.kind()) {
            case READ -> onRead(frame, columns);
            case WRITE -> onWrite(frame, columns);
            case CANCEL -> onCancel(frame.requestId());
            case BODY, ENDED -> throw unexpected(frame);
        }
    }

    private static TransferException unexpected(DataFrame frame) {
        return new TransferException(Code.PROTOCOL, "unexpected " + frame);
    }

    private void onRead(DataFrame frame, ByteBuf bytes) throws TransferException {
        EntryColumns columns = EntryColumns.readFrom(bytes, frame.count());
        ReadTask task = new ReadTask(frame.requestId(), columns, new RegionAccess(table, wire, columns));
        reads.add(task);
        waitingBytes += task.footprintBytes();
        readOrPause();
        pump();
    }

    private void onWrite(DataFrame frame, ByteBuf bytes) throws TransferException {
        if (write != null) {
            throw unexpected(frame);
        }
        EntryColumns columns = EntryColumns.readFrom(bytes, frame.count());
        WriteTask task = new WriteTask(
                frame.requestId(), columns, new RegionAccess(table, wire, columns), table, this::writeHead);
        write = task;
        task.passEmptyEntries();
        finishWrite(task);
    }

    @Override
    public void onBody(DataFrame frame) throws TransferException {
        if (write == null || write.requestId() != frame.requestId() || frame.bytes() > write.bytesLeft()) {
            throw unexpected(frame);
        }
    }

    @Override
    public Segment nextSegment(long limit) {
        return write == null ? Segment.drain(limit) : write.nextSegment(limit);
    }

    @Override
    public void onBytes(long bytes, boolean segmentEnded) {
        if (write != null) {
            write.arrived(bytes, segmentEnded);
        }
    }

    @Override
    public void onBodyEnd() {
        if (write != null) {
            finishWrite(write);
        }
    }

    private void finishWrite(WriteTask task) {
        task.report();
        if (task.isFinished()) {
            task.close();
            write = null;
        }
        wire.channel().flush();
    }

    @Override
    public int bytesToReadWithHead() {
        // No more than is worth copying: what comes next may be the begin of a long body.
        return write != null && write.bytesLeft() >= DataReader.MIN_DIRECT_BYTES
                ? DataFrame.HEAD_BYTES
                : DataReader.MIN_DIRECT_BYTES;
    }

    private void onCancel(long requestId) {
        if (write != null && write.requestId() == requestId) {
            write.cancel();
            write = null;
        } else {
            cancelRead(requestId);
        }
        wire.channel().flush();
    }

    private void cancelRead(long requestId) {
        for (ReadTask task : reads) {
            if (task.requestId() == requestId) {
                task.cancel();
                pump();
                return;
            }
        }
    }

    private void drop(ReadTask task) {
        task.endRun().run();
        waitingBytes -= task.footprintBytes();
        readOrPause();
    }

    /** Writes as much of the answers as the caller takes. */
    private void pump() {
        if (pumping) {
            return;
        }
        pumping = true;
        Channel channel = wire.channel();
        try {
            answer(channel);
            channel.flush();
        } finally {
            pumping = false;
        }
        // Either the turn is over, or this very flush made room, and said so while nobody listened.
        if (!reads.isEmpty() && channel.isWritable() && files.isIdle()) {
            wire.loop().execute(() -> wire.run(this::pump));
        }
    }

    private void answer(Channel channel) {
        long turnBytes = 0;
        while (!reads.isEmpty() && channel.isWritable() && turnBytes < MAX_TURN_BYTES) {
            ReadTask task = reads.element();
            if (task.isInFile() && files.hasRoom()) {
                files.readAhead(task);
                continue;
            }
            if (!files.isIdle()) {
                return; // it goes on once the chunks are written, so that answers keep their order
            }
            long bytes = bodies.write(task.requestId(), task);
            if (bytes > 0) {
                turnBytes += bytes;
                channel.flush();
            } else if (task.entriesLeft() > 0) {
                if (task.isRefused()) {
                    table.countRefusal();
                }
                writeHead(task.skip());
            }
            if (task.entriesLeft() == 0) {
                reads.remove();
                drop(task);
            }
        }
    }

    private void writeHead(DataFrame frame) {
        ByteBuf head = wire.channel().alloc().directBuffer(DataFrame.HEAD_BYTES, DataFrame.HEAD_BYTES);
        frame.writeTo(head);
        wire.write(head);
    }

    private void readOrPause() {
        wire.channel().config().setAutoRead(waitingBytes < MAX_WAITING_BYTES);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        pump();
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        reader.close();
        if (guard != null) {
            guard.close();
        }
        files.close();
        reads.forEach(task -> task.endRun().run());
        reads.clear();
        if (write != null) {
            write.close();
            write = null;
        }
        wire.announceLost();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
        wire.broken(error);
    }
}
