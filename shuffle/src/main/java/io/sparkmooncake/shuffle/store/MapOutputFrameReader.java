// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Takes in a {@link MapOutputFrame} as its bytes arrive, in pieces of any size, and writes each part to its place at once. Parts go
 * to files, as in Spark's own shuffle: shareable memory would have to be zeroed first, on the thread that takes the bytes in.
 *
 * <p>Threading: one call after another. It owns what it has taken in until {@link #finish}.
 */
public final class MapOutputFrameReader implements AutoCloseable {
    /** A part has at most 4 GiB, so this many parts are more than a map output can have. */
    private static final int MAX_PARTS = 1 << 20;

    private final MapOutputStore store;
    private final long mapId;
    private final List<Part> parts = new ArrayList<>();
    private ByteBuffer head = ByteBuffer.allocate(MapOutputFrame.FIXED_BYTES);
    private boolean started;
    private @Nullable Extent extent;
    private int count;
    private long written;

    /** Creates a reader of one frame. */
    public MapOutputFrameReader(MapOutputStore store, long mapId) {
        this.store = store;
        this.mapId = mapId;
    }

    /**
     * Takes in all of {@code bytes}.
     *
     * @throws IOException when the bytes are no such frame, or there is no room
     */
    public void accept(ByteBuffer bytes) throws IOException {
        try {
            while (bytes.hasRemaining()) {
                if (head.hasRemaining()) {
                    copy(bytes, head);
                    readHead();
                } else if (parts.size() < count) {
                    fill(bytes);
                } else {
                    throw new IOException("map output frame of map id=" + mapId + " goes on after its last part");
                }
            }
        } catch (IllegalArgumentException | ArithmeticException | IndexOutOfBoundsException e) {
            throw new IOException("malformed frame of map id=" + mapId, e);
        }
    }

    private static void copy(ByteBuffer from, ByteBuffer to) {
        int length = Math.min(from.remaining(), to.remaining());
        to.put(from.slice(from.position(), length));
        from.position(from.position() + length);
    }

    private void readHead() throws IOException {
        if (head.hasRemaining() || started) {
            return;
        }
        byte version = head.get(0);
        count = head.getInt(1);
        if (version != MapOutputFrame.VERSION || count < 0 || count > MAX_PARTS) {
            throw new IOException("map output frame of map id=" + mapId + " has version=" + version + " parts=" + count
                    + ", this build reads version=" + MapOutputFrame.VERSION + " and at most parts=" + MAX_PARTS
                    + ": run the same spark-mooncake jar on every executor");
        }
        started = true;
        head = ByteBuffer.allocate(count * MapOutputFrame.PART_BYTES);
    }

    private void fill(ByteBuffer bytes) throws IOException {
        int at = parts.size() * MapOutputFrame.PART_BYTES;
        long dataBytes = head.getLong(at);
        int entries = head.getInt(at + Long.BYTES);
        if (dataBytes < 0 || entries < 0) {
            throw new IOException(
                    "malformed frame of map id=" + mapId + ": part of bytes=" + dataBytes + " entries=" + entries);
        }
        long totalBytes = Part.totalBytes(dataBytes, entries);
        Extent target = extent;
        if (target == null) {
            target = store.allocateOnDisk(totalBytes);
            extent = target;
            written = 0;
        }
        int length = (int) Math.min(bytes.remaining(), totalBytes - written);
        target.write(written, bytes.slice(bytes.position(), length));
        bytes.position(bytes.position() + length);
        written += length;
        if (written == totalBytes) {
            parts.add(new Part(target, dataBytes, entries));
            extent = null;
        }
    }

    /**
     * Returns the output, which the caller commits or frees.
     *
     * @throws IOException when the frame is not complete
     */
    public MapOutput finish() throws IOException {
        if (!started || head.hasRemaining() || parts.size() < count) {
            throw new IOException("map output frame of map id=" + mapId + " ended after parts=" + parts.size() + " of "
                    + (started ? count : "an unknown number"));
        }
        MapOutput output = new MapOutput(mapId, parts);
        parts.clear();
        return output;
    }

    /** Gives back what was taken in and not handed over. */
    @Override
    public void close() {
        if (extent != null) {
            extent.release();
            extent = null;
        }
        parts.forEach(Part::free);
        parts.clear();
    }
}
