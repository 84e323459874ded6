// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bodies of entries that are in files: read in chunks by other threads, a little ahead of the socket, and written as BODY frames
 * in their order. An entry that cannot be read is refused alone.
 *
 * <p>Threading: the connection's event loop, except {@link Chunk#read}.
 */
final class FileBodies {
    /** One read, and one BODY. */
    static final int CHUNK_BYTES = 256 << 10;

    private static final int MAX_CHUNKS_AHEAD = 2;
    private static final Logger LOG = LoggerFactory.getLogger(FileBodies.class);

    private final Wire wire;
    private final Executor readers;
    private final BodyWriter bodies;
    private final Runnable goOn;
    private final ArrayDeque<Chunk> ahead = new ArrayDeque<>(MAX_CHUNKS_AHEAD);
    private boolean warned;
    private volatile boolean closed;

    /**
     * Creates the bodies of one connection.
     *
     * @param readers threads that may wait for a disk
     * @param goOn is run whenever chunks were written
     */
    FileBodies(Wire wire, Executor readers, BodyWriter bodies, Runnable goOn) {
        this.wire = wire;
        this.readers = readers;
        this.bodies = bodies;
        this.goOn = goOn;
    }

    /** Returns whether nothing is being read. */
    boolean isIdle() {
        return ahead.isEmpty();
    }

    /** Returns whether another chunk may be read now. */
    boolean hasRoom() {
        return ahead.size() < MAX_CHUNKS_AHEAD;
    }

    /** Begins to read the next chunk of a task whose current entry is in a file. */
    void readAhead(ReadTask task) {
        Chunk chunk = new Chunk(task);
        while (chunk.bytes < CHUNK_BYTES && task.isInFile()) {
            int piece = (int) Math.min(task.remaining(), CHUNK_BYTES - chunk.bytes);
            chunk.add(new Piece(task.region(), task.offset(), piece, task.entry()));
            task.sent(piece);
        }
        chunk.held = task.endRun();
        ahead.add(chunk);
        try {
            readers.execute(chunk::read);
        } catch (RejectedExecutionException closing) {
            chunk.held.run();
            throw closing;
        }
    }

    /** Writes the chunks that were read, in their order. */
    private void wasRead() {
        while (!ahead.isEmpty() && ahead.element().isRead) {
            Chunk chunk = ahead.remove();
            ByteBuf frame = chunk.frame;
            if (frame != null) {
                bodies.writeFrame(chunk.task.requestId(), frame);
            } else {
                refuse(chunk);
            }
        }
        goOn.run();
    }

    /** Forgets what was read ahead of the entry that failed, and has the task go on from the chunk's first byte. */
    private void refuse(Chunk failed) {
        ahead.forEach(Chunk::discard);
        ahead.clear();
        failed.task.goBack(failed.start, failed.failedEntry);
        if (!warned) {
            warned = true;
            LOG.warn("a region that peer {} reads could not be read here", wire.peer(), failed.failure);
        }
    }

    /** Forgets what is being read. */
    void close() {
        closed = true;
        ahead.forEach(Chunk::discard);
        ahead.clear();
    }

    private record Piece(HostRegion region, long offset, int length, int entry) {}

    /** Bytes of consecutive entries. */
    private final class Chunk {
        private final ReadTask task;
        private final ReadTask.Place start;
        private final List<Piece> pieces = new ArrayList<>(1);
        private Runnable held = () -> {};
        private int bytes;
        private int failedEntry;
        private @Nullable ByteBuf frame;
        private @Nullable Throwable failure;
        private boolean isRead;
        private boolean discarded;

        Chunk(ReadTask task) {
            this.task = task;
            this.start = task.place();
        }

        void add(Piece piece) {
            pieces.add(piece);
            bytes += piece.length;
        }

        /** Runs on a thread that may wait. */
        void read() {
            ByteBuf target = null;
            int entry = start.entry();
            try {
                if (!closed) {
                    target = wire.channel()
                            .alloc()
                            .directBuffer(DataFrame.HEAD_BYTES + bytes, DataFrame.HEAD_BYTES + bytes);
                    int at = DataFrame.HEAD_BYTES;
                    for (Piece piece : pieces) {
                        entry = piece.entry;
                        ByteBuffer into = target.nioBuffer(at, piece.length);
                        piece.region.readFully(piece.offset, into);
                        at += piece.length;
                    }
                }
                hand(target, null, entry);
            } catch (IOException | RuntimeException | Error e) {
                if (target != null) {
                    target.release();
                }
                hand(null, e, entry);
            } finally {
                held.run();
            }
        }

        private void hand(@Nullable ByteBuf filled, @Nullable Throwable why, int entry) {
            try {
                wire.loop().execute(() -> wire.run(() -> take(filled, why, entry)));
            } catch (RejectedExecutionException ended) {
                if (filled != null) {
                    filled.release();
                }
            }
        }

        private void take(@Nullable ByteBuf filled, @Nullable Throwable why, int entry) {
            if (discarded || closed) {
                if (filled != null) {
                    filled.release();
                }
                return;
            }
            frame = filled;
            failure = why;
            failedEntry = entry;
            isRead = true;
            wasRead();
        }

        void discard() {
            discarded = true;
            if (frame != null) {
                frame.release();
                frame = null;
            }
        }
    }
}
