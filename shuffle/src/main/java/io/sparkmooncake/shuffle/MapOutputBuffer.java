// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.netty.handler.stream.ChunkedStream;
import io.sparkmooncake.shuffle.store.MapOutputFrame;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.Objects;
import org.apache.spark.network.buffer.ManagedBuffer;
import org.apache.spark.network.util.AbstractFileRegion;

/**
 * A map output on its way to another executor. It holds nothing until Spark sends it, because Spark releases a buffer only after
 * sending; from then on the output is not freed until its last byte is sent. Bytes go out piece by piece from where they lie.
 *
 * <p>Threading: safe from any thread.
 */
final class MapOutputBuffer extends ManagedBuffer {
    private static final int PIECE_BYTES = 256 << 10;

    private final MapOutputStore store;
    private final int shuffleId;
    private final long mapId;
    private final long sizeBytes;

    MapOutputBuffer(MapOutputStore store, int shuffleId, long mapId, long sizeBytes) {
        this.store = store;
        this.shuffleId = shuffleId;
        this.mapId = mapId;
        this.sizeBytes = sizeBytes;
    }

    @Override
    public long size() {
        return sizeBytes;
    }

    @Override
    public ByteBuffer nioByteBuffer() throws IOException {
        try (InputStream bytes = createInputStream()) {
            return ByteBuffer.wrap(bytes.readNBytes(Math.toIntExact(sizeBytes)));
        }
    }

    @Override
    public InputStream createInputStream() throws IOException {
        return new FrameStream(frame());
    }

    private MapOutputFrame frame() throws IOException {
        return store.frame(shuffleId, mapId)
                .orElseThrow(() -> new IOException("map output " + mapId + " of shuffle " + shuffleId
                        + " was removed before it was sent to another executor"));
    }

    @Override
    public ManagedBuffer retain() {
        return this;
    }

    @Override
    public ManagedBuffer release() {
        return this;
    }

    @Override
    public Object convertToNetty() throws IOException {
        return new FrameRegion(frame());
    }

    @Override
    public Object convertToNettyForSsl() throws IOException {
        return new ChunkedStream(createInputStream(), PIECE_BYTES);
    }

    /** What Spark's transport sends without TLS. */
    private static final class FrameRegion extends AbstractFileRegion {
        private final MapOutputFrame frame;
        private long transferred;

        FrameRegion(MapOutputFrame frame) {
            this.frame = frame;
        }

        @Override
        public long position() {
            return 0;
        }

        @Override
        public long transferred() {
            return transferred;
        }

        @Override
        public long count() {
            return frame.sizeBytes();
        }

        @Override
        public long transferTo(WritableByteChannel target, long position) throws IOException {
            if (position == frame.sizeBytes()) {
                return 0;
            }
            int written = target.write(frame.at(position, PIECE_BYTES));
            transferred += written;
            return written;
        }

        @Override
        protected void deallocate() {
            frame.close();
        }
    }

    private static final class FrameStream extends InputStream {
        private final MapOutputFrame frame;
        private long position;
        private boolean closed;

        FrameStream(MapOutputFrame frame) {
            this.frame = frame;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            Objects.checkFromIndexSize(offset, length, target.length);
            if (length == 0) {
                return 0;
            }
            if (position == frame.sizeBytes()) {
                return -1;
            }
            ByteBuffer piece = frame.at(position, length);
            int read = piece.remaining();
            piece.get(target, offset, read);
            position += read;
            return read;
        }

        @Override
        public int available() {
            return (int) Math.min(Integer.MAX_VALUE, frame.sizeBytes() - position);
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                frame.close();
            }
        }
    }
}
