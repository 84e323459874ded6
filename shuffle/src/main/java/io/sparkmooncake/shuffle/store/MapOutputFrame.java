// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.shuffle.store.MapOutput.Encoding;
import io.sparkmooncake.transfer.memory.Extent;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A whole map output as one run of bytes, for its move to another executor when this one is decommissioned; big-endian but
 * for the indexes, which travel as they lie.
 *
 * <pre>
 *   u8 version | u8 encoding | i32 n | n × (i64 bytes of blocks | i32 entries) | n × (blocks | padding | index)
 * </pre>
 */
public final class MapOutputFrame {
    /** Largest frame: what one buffer holds. */
    public static final long MAX_BYTES = Integer.MAX_VALUE - 64L;

    private static final byte VERSION = 1;
    private static final int FIXED_BYTES = 6;
    private static final int PART_BYTES = 12;

    private MapOutputFrame() {}

    /** Returns the bytes that the frame of an output takes; beyond {@link #MAX_BYTES} it cannot be encoded. */
    public static long sizeBytes(MapOutput output) {
        return FIXED_BYTES
                + (long) PART_BYTES * output.parts().size()
                + output.parts().stream().mapToLong(MapOutputFrame::partBytes).sum();
    }

    private static long partBytes(Part part) {
        return BlockIndex.startFor(part.dataBytes())
                + BlockIndex.sizeBytes(part.index().count());
    }

    /** Copies an output into a frame. The caller sees to it that the output is not freed meanwhile. */
    public static ByteBuffer encode(MapOutput output) {
        ByteBuffer frame = ByteBuffer.allocate((int) sizeBytes(output));
        frame.put(VERSION).put(output.encoding().code()).putInt(output.parts().size());
        for (Part part : output.parts()) {
            frame.putLong(part.dataBytes()).putInt(part.index().count());
        }
        for (Part part : output.parts()) {
            frame.put(part.extent().slice(0, (int) partBytes(part)));
        }
        return frame.flip();
    }

    /**
     * Rebuilds an output in a store's memory or files.
     *
     * @return an output that the caller commits or frees
     * @throws IOException when the bytes are no such frame, or there is no room
     */
    public static MapOutput decode(MapOutputStore store, long mapId, ByteBuffer frame) throws IOException {
        List<Part> parts = new ArrayList<>();
        boolean complete = false;
        try {
            byte version = frame.get();
            Encoding encoding = Encoding.of(frame.get());
            int count = frame.getInt();
            if (version != VERSION || count < 0 || (long) count * PART_BYTES > frame.remaining()) {
                throw new IOException(
                        "map output frame version=" + version + " parts=" + count + " is not readable here");
            }
            ByteBuffer sizes = frame.slice(frame.position(), count * PART_BYTES);
            frame.position(frame.position() + count * PART_BYTES);
            for (int i = 0; i < count; i++) {
                parts.add(decodePart(store, sizes.getLong(), sizes.getInt(), frame));
            }
            complete = true;
            return new MapOutput(mapId, encoding, parts);
        } catch (BufferUnderflowException
                | IllegalArgumentException
                | IndexOutOfBoundsException
                | ArithmeticException e) {
            throw new IOException("malformed map output frame", e);
        } finally {
            if (!complete) {
                parts.forEach(Part::free);
            }
        }
    }

    private static Part decodePart(MapOutputStore store, long dataBytes, int entries, ByteBuffer frame)
            throws IOException {
        int length = Math.toIntExact(BlockIndex.startFor(dataBytes) + BlockIndex.sizeBytes(entries));
        ByteBuffer bytes = frame.slice(frame.position(), length);
        frame.position(frame.position() + length);
        Optional<Extent> memory = store.tryAllocateMemory(length);
        Extent extent = memory.isPresent() ? memory.get() : store.allocateOnDisk(length);
        boolean filled = false;
        try {
            extent.write(0, bytes);
            filled = true;
        } finally {
            if (!filled) {
                extent.release();
            }
        }
        return new Part(extent, dataBytes, entries);
    }
}
