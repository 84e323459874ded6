// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelOutboundBuffer;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes the bodies of entries as BODY frames. Large entries leave from their region without a copy; small ones are copied
 * together into one buffer, because a system call's vector entry costs more than copying them.
 *
 * <p>Threading: the connection's event loop.
 */
final class BodyWriter {
    /** Entries below this are copied together. */
    static final int SMALL_BYTES = 4 << 10;

    static final int MAX_GATHERED_BYTES = 128 << 10;
    static final int MAX_RUN_BYTES = 4 << 20;

    /** Runs are shorter on encrypted connections, where each of their bytes is copied. */
    static final int MAX_SEALED_RUN_BYTES = 512 << 10;

    /** Copied bytes that wait for the socket: beyond the first number the connection is not writable, until there are less than the second. */
    static final long MAX_COPIED_BYTES = 1 << 20;

    static final long FEW_COPIED_BYTES = 256 << 10;

    /** The connection's flag of writability that this class owns. */
    private static final int COPIES_FLAG = 1;

    private final Wire wire;
    private final boolean sealed;
    private final int maxRunBytes;
    private long copiedBytes;
    private final List<ByteBuf> slices = new ArrayList<>();

    BodyWriter(Wire wire) {
        this.wire = wire;
        this.sealed = wire.channel().pipeline().get(RecordEncoder.class) != null;
        this.maxRunBytes = sealed ? MAX_SEALED_RUN_BYTES : MAX_RUN_BYTES;
    }

    /** Writes the next BODY, without flushing; returns its bytes, 0 when the source has none at hand. */
    long write(long requestId, BodySource source) {
        long remaining = inMemory(source);
        if (remaining == 0) {
            return 0;
        }
        return remaining < SMALL_BYTES ? writeCopied(requestId, source) : writeSlices(requestId, source);
    }

    /** Writes a BODY whose bytes lie behind room for its head; the frame is taken over. */
    void writeFrame(long requestId, ByteBuf frame) {
        int end = frame.capacity();
        long bytes = (long) end - DataFrame.HEAD_BYTES;
        DataFrame.body(requestId, bytes).writeTo(frame.clear());
        writeCopy(frame.writerIndex(end), bytes, () -> {});
    }

    /** Bytes in files do not leave here: see {@link FileBodies}. */
    private static long inMemory(BodySource source) {
        long remaining = source.remaining();
        return remaining > 0 && source.region().isAddressable() ? remaining : 0;
    }

    private long writeCopied(long requestId, BodySource source) {
        // As large as it may become, so that it never grows; with the head one class of the allocator.
        long most = Math.min(MAX_GATHERED_BYTES - DataFrame.HEAD_BYTES, source.bytesLeft());
        int room = DataFrame.HEAD_BYTES + (int) Math.max(source.remaining(), most);
        ByteBuf frame = wire.channel().alloc().directBuffer(room, room);
        try {
            frame.writerIndex(DataFrame.HEAD_BYTES);
            gather(source, frame);
        } catch (RuntimeException | Error e) {
            frame.release();
            throw e;
        }
        int end = frame.writerIndex();
        long bytes = (long) end - DataFrame.HEAD_BYTES;
        DataFrame.body(requestId, bytes).writeTo(frame.writerIndex(0));
        source.endRun().run();
        writeCopy(frame.writerIndex(end), bytes, () -> {});
        return bytes;
    }

    /** Writes what takes memory of this process until the socket took it: a slow peer must not make it hold much. */
    private void writeCopy(ByteBuf frame, long bytes, Runnable left) {
        copied(bytes);
        wire.write(frame, () -> {
            left.run();
            copied(-bytes);
        });
    }

    private void copied(long bytes) {
        copiedBytes += bytes;
        ChannelOutboundBuffer queue = wire.channel().unsafe().outboundBuffer();
        if (queue != null && (copiedBytes > MAX_COPIED_BYTES || copiedBytes < FEW_COPIED_BYTES)) {
            queue.setUserDefinedWritability(COPIES_FLAG, copiedBytes < FEW_COPIED_BYTES);
        }
    }

    /** Copies small entries, as long as there is room and the next one is small. */
    private static void gather(BodySource source, ByteBuf into) {
        for (long remaining = inMemory(source);
                remaining > 0 && remaining < SMALL_BYTES && remaining <= into.maxWritableBytes();
                remaining = inMemory(source)) {
            into.writeBytes(source.region().slice(source.offset(), (int) remaining));
            source.sent(remaining);
        }
    }

    private long writeSlices(long requestId, BodySource source) {
        try {
            return queueSlices(requestId, source);
        } finally {
            slices.forEach(ByteBuf::release); // those that were not written, because something was thrown
            slices.clear();
        }
    }

    private long queueSlices(long requestId, BodySource source) {
        long bytes = 0;
        HostRegion region = source.region();
        long start = source.offset();
        long end = start;
        for (long remaining = inMemory(source);
                remaining >= SMALL_BYTES && bytes < maxRunBytes;
                remaining = inMemory(source)) {
            if (source.region() != region || source.offset() != end) {
                slices.add(slice(region, start, end));
                region = source.region();
                start = source.offset();
                end = start;
            }
            long piece = Math.min(remaining, maxRunBytes - bytes);
            source.sent(piece);
            end += piece;
            bytes += piece;
        }
        slices.add(slice(region, start, end));
        long small = addSmall(source);
        bytes += small;
        ByteBuf head = wire.channel().alloc().directBuffer(DataFrame.HEAD_BYTES, DataFrame.HEAD_BYTES);
        DataFrame.body(requestId, bytes).writeTo(head);
        wire.write(head);
        int last = slices.size() - 1;
        for (int i = 0; i < last; i++) {
            wire.write(slices.set(i, Unpooled.EMPTY_BUFFER));
        }
        long copies = sealed ? bytes : small;
        if (copies == 0) {
            wire.write(slices.remove(last), source.endRun());
        } else {
            writeCopy(slices.remove(last), copies, source.endRun());
        }
        return bytes;
    }

    /** Small entries behind large ones leave in the same BODY: a frame and a system call less. */
    private long addSmall(BodySource source) {
        long remaining = inMemory(source);
        if (remaining == 0 || remaining >= SMALL_BYTES) {
            return 0;
        }
        int room = (int) Math.max(remaining, Math.min(MAX_GATHERED_BYTES, source.bytesLeft()));
        ByteBuf small = wire.channel().alloc().directBuffer(room, room);
        slices.add(small);
        gather(source, small);
        return small.readableBytes();
    }

    private static ByteBuf slice(HostRegion region, long start, long end) {
        return Unpooled.wrappedBuffer(region.slice(start, (int) (end - start)));
    }
}
