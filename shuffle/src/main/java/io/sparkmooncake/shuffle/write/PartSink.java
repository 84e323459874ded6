// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.store.BlockIndex;
import io.sparkmooncake.shuffle.store.Part;
import io.sparkmooncake.transfer.memory.Extent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * The bytes of one part as they come, one after another: in shareable memory, or when that is at its limit, in a file through a
 * small buffer. It owns the place until it is sealed or aborted.
 *
 * <p>Threading: the task's thread.
 */
final class PartSink {
    private static final int BUFFER_BYTES = 256 << 10;

    private final WriteEnvironment environment;
    private final Place place;
    private final ByteBuffer buffer;
    private final int capacityBytes;
    private Extent extent;
    private long flushedBytes;

    /** Where the bytes of a part go. */
    enum Place {
        MEMORY,
        FILE
    }

    private PartSink(WriteEnvironment environment, Place place, Extent extent, int capacityBytes) {
        this.environment = environment;
        this.place = place;
        this.extent = extent;
        this.capacityBytes = capacityBytes;
        this.buffer = place == Place.MEMORY
                ? extent.slice(0, capacityBytes)
                : ByteBuffer.allocate(Math.min(BUFFER_BYTES, capacityBytes));
    }

    /**
     * Opens a part of at most {@code capacityBytes}, index included.
     *
     * @param first where room is looked for first; memory is not tried after files
     * @param leastBytes the capacity of a part on a disk that has no room for more
     */
    static PartSink open(WriteEnvironment environment, Place first, int capacityBytes, int leastBytes)
            throws IOException {
        Optional<Extent> memory =
                first == Place.MEMORY ? environment.store().tryAllocateMemory(capacityBytes) : Optional.empty();
        if (memory.isPresent()) {
            return new PartSink(environment, Place.MEMORY, memory.get(), capacityBytes);
        }
        try {
            Extent file = environment.store().allocateOnDisk(capacityBytes);
            return new PartSink(environment, Place.FILE, file, capacityBytes);
        } catch (IOException full) {
            if (leastBytes >= capacityBytes) {
                throw full;
            }
            Extent file = environment.store().allocateOnDisk(leastBytes);
            return new PartSink(environment, Place.FILE, file, leastBytes);
        }
    }

    Place place() {
        return place;
    }

    int capacityBytes() {
        return capacityBytes;
    }

    /** Returns the bytes put in so far. */
    int position() {
        return (int) flushedBytes + buffer.position();
    }

    /** Appends bytes, for which there is capacity. */
    void put(byte[] source, int offset, int length) throws IOException {
        int at = offset;
        int left = length;
        while (left > 0) {
            if (!buffer.hasRemaining()) {
                flush();
            }
            int step = Math.min(left, buffer.remaining());
            buffer.put(source, at, step);
            at += step;
            left -= step;
        }
    }

    private void flush() throws IOException {
        write(flushedBytes, buffer.flip());
        flushedBytes += buffer.limit();
        buffer.clear();
    }

    /** Writes to the file, or after a failure to one of another directory, which then gets what the first one has. */
    private void write(long start, ByteBuffer bytes) throws IOException {
        try {
            extent.write(start, bytes.duplicate());
        } catch (IOException e) {
            Extent failed = extent;
            extent = moved(failed, start, bytes, e);
            failed.release();
        }
    }

    private Extent moved(Extent failed, long start, ByteBuffer bytes, IOException cause) throws IOException {
        try {
            return environment.store().storeOnDisk(failed.sizeBytes(), other -> {
                ByteBuffer piece = ByteBuffer.allocate(BUFFER_BYTES);
                for (long at = 0; at < start; at += BUFFER_BYTES) {
                    piece.clear().limit((int) Math.min(BUFFER_BYTES, start - at));
                    failed.read(at, piece);
                    other.write(at, piece.flip());
                }
                other.write(start, bytes.duplicate());
            });
        } catch (IOException e) {
            e.addSuppressed(cause);
            throw e;
        }
    }

    /** Makes a part of the blocks put in and their index. The sink is used up, also when this fails. */
    Part seal(ByteBuffer index, int entries) throws IOException {
        long dataBytes = position();
        long indexStart = BlockIndex.startFor(dataBytes);
        boolean sealed = false;
        try {
            if (place == Place.MEMORY) {
                extent.slice(indexStart, index.remaining()).put(index);
                extent.shrink(indexStart + index.limit());
                environment.counters().toMemory(dataBytes);
            } else {
                if (buffer.position() > 0) {
                    flush();
                }
                extent.shrink(indexStart + index.limit());
                write(indexStart, index);
                environment.counters().toDisk(dataBytes);
            }
            sealed = true;
        } finally {
            if (!sealed) {
                extent.release();
            }
        }
        return new Part(extent, dataBytes, entries);
    }

    /** Gives the place back. */
    void abort() {
        extent.release();
    }
}
