// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.Encoding;
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

    private final Fetch fetch;
    private final boolean joined;
    private final Encoding encoding;
    private @Nullable Group blocks;
    private ByteBuffer window = EMPTY;
    private long windowEnd;
    private @Nullable FoundBlocks found;
    private int row;
    private boolean continued;

    /**
     * Begins with the block that {@link Fetch#peek} shows.
     *
     * @param joined whether following blocks of the same encoding belong to this stream
     */
    BlockStream(Fetch fetch, Group first, boolean joined) {
        this.fetch = fetch;
        this.joined = joined;
        this.encoding = encodingOf(first);
        take(first);
    }

    private static Encoding encodingOf(Group blocks) {
        return blocks.table().encoding(blocks.row());
    }

    Encoding encoding() {
        return encoding;
    }

    /** Takes a row that begins a block, or goes on with the block that is open; no other. */
    private void take(Group next) {
        if (continued && (next.found() != found || next.row() != row + 1)) {
            throw fetch.outOfPlace(
                    next, "the block that goes on with row " + (row + 1) + " of another answer is not complete");
        }
        if (!continued && next.table().continues(next.row())) {
            throw fetch.outOfPlace(next, "it goes on with a block whose beginning was not read");
        }
        fetch.take();
        blocks = next;
        found = next.found();
        row = next.row();
        continued = next.table().continued(row);
        windowEnd = 0;
        openWindow(next);
    }

    private void openWindow(Group from) {
        int length = (int) Math.min(from.rowBytes() - windowEnd, HostRegion.MAX_SLICE_BYTES);
        window = from.bytes(windowEnd, length).order(ByteOrder.BIG_ENDIAN);
        windowEnd += length;
    }

    /** Makes at least one byte available; false at the end of the stream. */
    private boolean fill() {
        while (!window.hasRemaining()) {
            Group now = blocks;
            if (now == null) {
                return false;
            }
            if (windowEnd < now.rowBytes()) {
                openWindow(now);
                continue;
            }
            Group next = joined || continued ? fetch.peek() : null;
            if (next == null || (!continued && encodingOf(next) != encoding)) {
                blocks = null;
                window = EMPTY;
                return false;
            }
            take(next);
        }
        return true;
    }

    /** Returns whether the stream has another byte. */
    boolean hasMore() {
        return fill();
    }

    /** Reads four bytes, most significant first. */
    int readInt() throws IOException {
        if (window.remaining() >= Integer.BYTES) {
            return window.getInt();
        }
        byte[] bytes = new byte[Integer.BYTES];
        readFully(bytes, Integer.BYTES);
        return ByteBuffer.wrap(bytes).getInt();
    }

    /** Returns the row that is open, for an error. */
    String describe() {
        Group open = blocks;
        return open == null
                ? "a shuffle block"
                : "the block of map output "
                        + open.source().mapIds()[open.table().map(open.row())] + " partition "
                        + open.table().partition(open.row()) + " from "
                        + open.source().describe();
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
