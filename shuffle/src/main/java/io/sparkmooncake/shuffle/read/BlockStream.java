// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.MapOutput.Encoding;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of one block, or of consecutive blocks that decode as one stream, read where they lie.
 *
 * <p>Threading: the task's thread.
 */
final class BlockStream extends InputStream {
    private static final ByteBuffer EMPTY = ByteBuffer.allocate(0);

    private final BlockFetch fetch;
    private final boolean joined;
    private final Encoding encoding;
    private @Nullable Blocks blocks;
    private ByteBuffer window = EMPTY;
    private long windowEnd;
    private long openedBytes;
    private boolean continued;

    /**
     * Begins with the block that {@link BlockFetch#peek} shows.
     *
     * @param joined whether following blocks of the same encoding belong to this stream
     */
    BlockStream(BlockFetch fetch, Blocks first, boolean joined) {
        this.fetch = fetch;
        this.joined = joined;
        this.encoding = encodingOf(first);
        take(first);
    }

    private static Encoding encodingOf(Blocks blocks) {
        return blocks.table().encoding(blocks.table().map(blocks.row()));
    }

    Encoding encoding() {
        return encoding;
    }

    private void take(Blocks next) {
        fetch.take();
        blocks = next;
        continued = next.table().continued(next.row());
        windowEnd = 0;
        openWindow(next);
    }

    private void openWindow(Blocks from) {
        int length = (int) Math.min(from.table().length(from.row()) - windowEnd, HostRegion.MAX_SLICE_BYTES);
        window = from.region().slice(from.offset() + windowEnd, length).order(ByteOrder.BIG_ENDIAN);
        windowEnd += length;
        openedBytes += length;
    }

    /** Returns how many bytes have been read so far. */
    long bytesRead() {
        return openedBytes - window.remaining();
    }

    /** Makes at least one byte available; false at the end of the stream. */
    private boolean fill() {
        while (!window.hasRemaining()) {
            Blocks now = blocks;
            if (now == null) {
                return false;
            }
            if (windowEnd < now.table().length(now.row())) {
                openWindow(now);
                continue;
            }
            Blocks next = joined || continued ? fetch.peek() : null;
            if (next == null || (!continued && encodingOf(next) != encoding)) {
                blocks = null;
                window = EMPTY;
                return false;
            }
            take(next);
        }
        return true;
    }

    /** Reads four bytes, most significant first, or returns −1 at the end of the stream. */
    int readIntOrEnd() throws IOException {
        if (window.remaining() >= Integer.BYTES) {
            return window.getInt();
        }
        int first = read();
        if (first < 0) {
            return -1;
        }
        byte[] rest = new byte[3];
        readFully(rest, 3);
        return (first << 24) | ((rest[0] & 0xff) << 16) | ((rest[1] & 0xff) << 8) | (rest[2] & 0xff);
    }

    /** Fills the first {@code length} bytes of {@code target}. */
    void readFully(byte[] target, int length) throws IOException {
        if (window.remaining() >= length) {
            window.get(target, 0, length);
            return;
        }
        int done = 0;
        while (done < length) {
            int step = read(target, done, length - done);
            if (step < 0) {
                throw new EOFException("shuffle block ends " + (length - done) + " bytes before its record does");
            }
            done += step;
        }
    }

    @Override
    public int read() {
        return fill() ? window.get() & 0xff : -1;
    }

    @Override
    public int read(byte[] target, int offset, int length) {
        if (length == 0) {
            return 0;
        }
        if (!fill()) {
            return -1;
        }
        int step = Math.min(length, window.remaining());
        window.get(target, offset, step);
        return step;
    }

    @Override
    public int available() {
        return window.remaining();
    }

    /** Skips what the decoder left unread. */
    void drain() {
        while (fill()) {
            window.position(window.limit());
        }
    }
}
