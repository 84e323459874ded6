// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * A whole map output as one run of bytes, for its move to another executor when this one is decommissioned; big-endian except
 * for the indexes, which travel as they lie. A frame may have any length: it is made piece by piece from the output's parts, and
 * taken in piece by piece by {@link MapOutputFrameReader}.
 *
 * <pre>
 *   u8 version | i32 n | n × (i64 bytes of blocks | i32 entries) | n × (blocks | padding | index)
 * </pre>
 *
 * <p>Threading: safe from any thread. It owns one count of every part until {@link #close}.
 */
public final class MapOutputFrame implements AutoCloseable {
    static final byte VERSION = 2;
    static final int FIXED_BYTES = 5;
    static final int PART_BYTES = 12;

    /** What is read from a file at a time. */
    private static final int MAX_PIECE_BYTES = 256 << 10;

    private final MapOutput output;
    private final ByteBuffer head;
    private final long[] starts;

    /**
     * Frames an output.
     *
     * @param output one count of every part is taken over
     */
    MapOutputFrame(MapOutput output) {
        this.output = output;
        List<Part> parts = output.parts();
        head = ByteBuffer.allocate(FIXED_BYTES + PART_BYTES * parts.size());
        head.put(VERSION).putInt(parts.size());
        starts = new long[parts.size() + 1];
        starts[0] = head.capacity();
        for (int i = 0; i < parts.size(); i++) {
            Part part = parts.get(i);
            head.putLong(part.dataBytes()).putInt(part.entries());
            starts[i + 1] = starts[i] + part.totalBytes();
        }
        head.flip();
    }

    /** Returns the length of the frame. */
    public long sizeBytes() {
        return starts[starts.length - 1];
    }

    /**
     * Returns at least one byte of the frame, a view unless they are in a file.
     *
     * @param position where it begins, less than {@link #sizeBytes}
     * @param maxBytes how long it may be
     */
    public ByteBuffer at(long position, int maxBytes) throws IOException {
        if (position < head.limit()) {
            return head.slice((int) position, (int) Math.min(maxBytes, head.limit() - position));
        }
        for (int i = 0; i + 1 < starts.length; i++) {
            if (position < starts[i + 1]) {
                int length = (int) Math.min(Math.min(maxBytes, MAX_PIECE_BYTES), starts[i + 1] - position);
                return bytes(output.parts().get(i).extent(), position - starts[i], length);
            }
        }
        throw new EOFException("position=" + position + " of a map output frame of size=" + sizeBytes());
    }

    private static ByteBuffer bytes(Extent extent, long start, int length) throws IOException {
        if (extent.region().isAddressable()) {
            return extent.slice(start, length);
        }
        ByteBuffer copy = ByteBuffer.allocate(length);
        extent.read(start, copy);
        return copy.flip();
    }

    @Override
    public void close() {
        output.free();
    }
}
