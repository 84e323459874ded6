// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
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

    private final Wire wire;
    private final List<ByteBuf> slices = new ArrayList<>();

    BodyWriter(Wire wire) {
        this.wire = wire;
    }

    /** Writes the next BODY, without flushing; returns its bytes, 0 when the source has none at hand. */
    long write(long requestId, BodySource source) {
        long remaining = source.remaining();
        if (remaining == 0) {
            return 0;
        }
        return remaining < SMALL_BYTES ? writeCopied(requestId, source) : writeSlices(requestId, source);
    }

    private long writeCopied(long requestId, BodySource source) {
        ByteBuf frame = wire.channel().alloc().directBuffer(SMALL_BYTES, DataFrame.HEAD_BYTES + MAX_GATHERED_BYTES);
        frame.writerIndex(DataFrame.HEAD_BYTES);
        gather(source, frame);
        int end = frame.writerIndex();
        long bytes = (long) end - DataFrame.HEAD_BYTES;
        DataFrame.body(requestId, bytes).writeTo(frame.writerIndex(0));
        source.endRun().run();
        wire.write(frame.writerIndex(end));
        return bytes;
    }

    /** Copies small entries, as long as there is room and the next one is small. */
    private static void gather(BodySource source, ByteBuf into) {
        for (long remaining = source.remaining();
                remaining > 0 && remaining < SMALL_BYTES && remaining <= into.maxWritableBytes();
                remaining = source.remaining()) {
            into.writeBytes(source.region().slice(source.offset(), (int) remaining));
            source.sent(remaining);
        }
    }

    private long writeSlices(long requestId, BodySource source) {
        long bytes = 0;
        HostRegion region = source.region();
        long start = source.offset();
        long end = start;
        for (long remaining = source.remaining();
                remaining >= SMALL_BYTES && bytes < MAX_RUN_BYTES;
                remaining = source.remaining()) {
            if (source.region() != region || source.offset() != end) {
                slices.add(slice(region, start, end));
                region = source.region();
                start = source.offset();
                end = start;
            }
            long piece = Math.min(remaining, MAX_RUN_BYTES - bytes);
            source.sent(piece);
            end += piece;
            bytes += piece;
        }
        slices.add(slice(region, start, end));
        bytes += addSmall(source);
        ByteBuf head = wire.channel().alloc().directBuffer(DataFrame.HEAD_BYTES, DataFrame.HEAD_BYTES);
        DataFrame.body(requestId, bytes).writeTo(head);
        wire.write(head);
        for (int i = 0; i < slices.size() - 1; i++) {
            wire.write(slices.get(i));
        }
        Runnable left = source.endRun();
        wire.write(slices.get(slices.size() - 1), left);
        slices.clear();
        return bytes;
    }

    /** Small entries behind large ones leave in the same BODY: a frame and a system call less. */
    private long addSmall(BodySource source) {
        long remaining = source.remaining();
        if (remaining == 0 || remaining >= SMALL_BYTES) {
            return 0;
        }
        ByteBuf small = wire.channel().alloc().directBuffer((int) remaining, MAX_GATHERED_BYTES);
        gather(source, small);
        slices.add(small);
        return small.readableBytes();
    }

    private static ByteBuf slice(HostRegion region, long start, long end) {
        return Unpooled.wrappedBuffer(region.slice(start, (int) (end - start)));
    }
}
