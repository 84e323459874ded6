// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.SparkOutOfMemoryError;
import org.apache.spark.memory.TaskMemoryManager;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.memory.MemoryBlock;
import org.jspecify.annotations.Nullable;

/**
 * Serialized records in order of arrival, in pages of Spark's task memory:
 *
 * <pre>
 *   | i32 partition | i32 length | bytes ... | i32 partition | i32 length | bytes ...
 * </pre>
 *
 * A header never straddles two pages (a tail of less than 8 bytes is left unused); the bytes of a record may, so records of
 * any size fit. Pages are kept and reused after the log was drained.
 *
 * <p>Threading: the thread that creates the log, which is the task's. Spark calls {@link #spill} on the thread that needs
 * memory, which may be another thread of the task: that one gets nothing from here, as from Spark's own sorter. On the log's
 * own thread, memory is given back between records.
 */
final class RecordLog extends MemoryConsumer {
    private static final int HEADER_BYTES = 8;
    private static final long FIRST_PAGE_BYTES = 64 << 10;
    private static final int MAX_DOUBLINGS = 6;
    private static final long HEAP_ARRAY_BYTES = Platform.LONG_ARRAY_OFFSET;

    private final Drain drain;
    private final Thread owner = Thread.currentThread();
    private final int[] bytesByPartition;
    private final List<MemoryBlock> pages = new ArrayList<>();
    private final OutputStream stream = new Appender();

    private int pageIndex = -1;
    private @Nullable Object base;
    private long cursor;
    private long limit;
    private long startOffset;
    private int records;
    private long bytes;
    private long peakBytes;
    private long spilledBytes;

    private boolean inRecord;
    private boolean busy;
    private int recordPage;
    private @Nullable Object recordBase;
    private long recordOffset;
    private int recordPartition;
    private long recordBytes;

    /** Lays out the complete records of a log that is full or asked to give memory back. */
    @FunctionalInterface
    interface Drain {
        /** Takes every complete record; the log forgets them when this returns. */
        void drain(RecordLog log) throws IOException;
    }

    RecordLog(TaskMemoryManager memory, int partitions, Drain drain) {
        super(memory, FIRST_PAGE_BYTES - HEAP_ARRAY_BYTES, memory.getTungstenMemoryMode());
        this.drain = drain;
        this.bytesByPartition = new int[partitions];
    }

    /** Returns the stream that appends to the record begun last. */
    OutputStream stream() {
        return stream;
    }

    /** Begins a record. */
    void begin(int partition) {
        if (limit - cursor < HEADER_BYTES) {
            nextPage();
        }
        inRecord = true;
        recordPage = pageIndex;
        recordBase = base;
        recordOffset = cursor;
        recordPartition = partition;
        recordBytes = 0;
        cursor += HEADER_BYTES;
    }

    /** Ends the record and returns its length in bytes. */
    int end() {
        if (recordBytes > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("a serialized record of bytes=" + recordBytes + " exceeds limit="
                    + Integer.MAX_VALUE + ": split the value");
        }
        Platform.putInt(recordBase, recordOffset, recordPartition);
        Platform.putInt(recordBase, recordOffset + Integer.BYTES, (int) recordBytes);
        inRecord = false;
        bytesByPartition[recordPartition] += (int) recordBytes;
        bytes += recordBytes;
        records++;
        return (int) recordBytes;
    }

    /** Appends to the record begun last. */
    void append(@Nullable Object source, long offset, int length) {
        long from = offset;
        int left = length;
        recordBytes += length;
        while (left > 0) {
            if (cursor == limit) {
                nextPage();
            }
            int step = (int) Math.min(left, limit - cursor);
            Platform.copyMemory(source, from, base, cursor, step);
            cursor += step;
            from += step;
            left -= step;
        }
    }

    /** Appends four bytes, most significant first. */
    void appendInt(int value) {
        if (limit - cursor >= Integer.BYTES) {
            Platform.putInt(base, cursor, Integer.reverseBytes(value));
            cursor += Integer.BYTES;
            recordBytes += Integer.BYTES;
        } else {
            byte[] four = {(byte) (value >>> 24), (byte) (value >>> 16), (byte) (value >>> 8), (byte) value};
            append(four, Platform.BYTE_ARRAY_OFFSET, four.length);
        }
    }

    /** Returns the bytes of the complete records. */
    long bytes() {
        return bytes;
    }

    /** Returns the number of complete records. */
    int records() {
        return records;
    }

    /** Returns the most memory that the log ever held. */
    long peakBytes() {
        return peakBytes;
    }

    /** Returns the bytes of records that were laid out because memory was short. */
    long spilledBytes() {
        return spilledBytes;
    }

    /** Returns the bytes of each partition's complete records, as unsigned ints; a drain may overwrite them. */
    int[] bytesByPartition() {
        return bytesByPartition;
    }

    /**
     * Copies every complete record to its place: the bytes of a record of partition p go to {@code next[p]} behind the
     * extent's start, and {@code next[p]} moves on.
     */
    void scatterTo(Extent target, int[] next) {
        long targetOffset = target.offset();
        boolean contiguous = target.sizeBytes() <= HostRegion.MAX_SLICE_BYTES;
        long address = target.region().address(targetOffset);
        int page = 0;
        Object from = records == 0 ? null : pages.get(0).getBaseObject();
        long at = startOffset;
        long end = records == 0 ? 0 : endOf(pages.get(0));
        for (int i = 0; i < records; i++) {
            if (end - at < HEADER_BYTES) {
                MemoryBlock block = pages.get(++page);
                from = block.getBaseObject();
                at = block.getBaseOffset();
                end = endOf(block);
            }
            int partition = Platform.getInt(from, at);
            int left = Platform.getInt(from, at + Integer.BYTES);
            at += HEADER_BYTES;
            int position = next[partition];
            next[partition] = position + left;
            long to = Integer.toUnsignedLong(position);
            while (left > 0) {
                if (at == end) {
                    MemoryBlock block = pages.get(++page);
                    from = block.getBaseObject();
                    at = block.getBaseOffset();
                    end = endOf(block);
                }
                int step = (int) Math.min(left, end - at);
                long destination = contiguous ? address + to : target.region().address(targetOffset + to);
                Platform.copyMemory(from, at, null, destination, step);
                at += step;
                to += step;
                left -= step;
            }
        }
    }

    /**
     * Does the same for those bytes only whose places are at least {@code windowStart} and fit into the target, which begins there.
     *
     * @param next as for all records; used up
     */
    void scatterTo(Extent target, int[] next, long windowStart) {
        long windowEnd = windowStart + target.sizeBytes();
        Position from = new Position();
        for (int i = 0; i < records; i++) {
            from.toHeader();
            int partition = Platform.getInt(from.base, from.at);
            int length = Platform.getInt(from.base, from.at + Integer.BYTES);
            from.at += HEADER_BYTES;
            long place = Integer.toUnsignedLong(next[partition]);
            next[partition] += length;
            long skipped = Math.min(length, Math.max(0, windowStart - place));
            long copied = Math.max(0, Math.min(length - skipped, windowEnd - place - skipped));
            from.skip(skipped);
            from.copy(target, place + skipped - windowStart, copied);
            from.skip(length - skipped - copied);
        }
    }

    /** A place in the pages, which moves on. */
    private final class Position {
        private int page;
        private @Nullable Object base = records == 0 ? null : pages.get(0).getBaseObject();
        private long at = startOffset;
        private long end = records == 0 ? 0 : endOf(pages.get(0));

        void toHeader() {
            if (end - at < HEADER_BYTES) {
                nextPage();
            }
        }

        private void nextPage() {
            MemoryBlock block = pages.get(++page);
            base = block.getBaseObject();
            at = block.getBaseOffset();
            end = endOf(block);
        }

        /** Returns how many of {@code bytes} lie in one page from here on. */
        private long inPage(long bytes) {
            if (at == end) {
                nextPage();
            }
            return Math.min(bytes, end - at);
        }

        void skip(long bytes) {
            for (long left = bytes; left > 0; ) {
                long step = inPage(left);
                at += step;
                left -= step;
            }
        }

        void copy(Extent target, long offset, long bytes) {
            for (long left = bytes, to = offset; left > 0; ) {
                long step = inPage(left);
                Platform.copyMemory(base, at, null, target.region().address(target.offset() + to), step);
                at += step;
                to += step;
                left -= step;
            }
        }
    }

    /** Lays out and forgets the complete records; pages stay. */
    void drain() throws IOException {
        boolean busyAlready = busy;
        busy = true;
        try {
            if (records > 0) {
                drain.drain(this);
            }
        } finally {
            busy = busyAlready;
        }
        Arrays.fill(bytesByPartition, 0);
        records = 0;
        bytes = 0;
        if (inRecord) {
            Collections.rotate(pages, -recordPage);
            pageIndex -= recordPage;
            recordPage = 0;
            startOffset = recordOffset;
        } else if (!pages.isEmpty()) {
            use(0);
            startOffset = cursor;
        }
    }

    /** Gives every page back. */
    void free() {
        pages.forEach(this::freePage);
        pages.clear();
        pageIndex = -1;
        base = null;
        cursor = 0;
        limit = 0;
    }

    @Override
    public long spill(long size, MemoryConsumer trigger) throws IOException {
        if (Thread.currentThread() != owner || inRecord || busy || pages.isEmpty()) {
            return 0;
        }
        long held = getUsed();
        spilledBytes += bytes;
        drain();
        free();
        return held - getUsed();
    }

    private void nextPage() {
        if (pageIndex + 1 == pages.size()) {
            allocate();
        }
        use(pageIndex + 1);
        if (pageIndex == 0) {
            startOffset = cursor;
        }
    }

    /** Adds a page; if Spark has none to give, drains what is complete, which makes pages free for reuse. */
    private void allocate() {
        busy = true;
        try {
            pages.add(allocatePage(nextPageBytes()));
            peakBytes = Math.max(peakBytes, getUsed());
        } catch (SparkOutOfMemoryError e) {
            drainForReuse();
            boolean reusable = inRecord ? pageIndex + 1 < pages.size() : !pages.isEmpty();
            if (!reusable) {
                throw e;
            }
            if (!inRecord) {
                pageIndex = -1;
            }
        } finally {
            busy = false;
        }
    }

    /**
     * Doubles the log, less by what the heap adds to an array: G1 takes a region more for an array just beyond a power of
     * two, and may begin to mark the heap for one just beyond half a region.
     */
    private long nextPageBytes() {
        int doublings = Math.min(MAX_DOUBLINGS, Math.max(0, pages.size() - 1));
        return (FIRST_PAGE_BYTES << doublings) - HEAP_ARRAY_BYTES;
    }

    private void drainForReuse() {
        try {
            spilledBytes += bytes;
            drain();
        } catch (IOException e) {
            throw SparkInternals.sneaky(e);
        }
    }

    private void use(int index) {
        MemoryBlock page = pages.get(index);
        pageIndex = index;
        base = page.getBaseObject();
        cursor = page.getBaseOffset();
        limit = endOf(page);
    }

    private static long endOf(MemoryBlock page) {
        return page.getBaseOffset() + page.size();
    }

    private final class Appender extends OutputStream {
        @Override
        public void write(int value) {
            if (cursor == limit) {
                nextPage();
            }
            Platform.putByte(base, cursor, (byte) value);
            cursor++;
            recordBytes++;
        }

        @Override
        public void write(byte[] source, int offset, int length) {
            append(source, Platform.BYTE_ARRAY_OFFSET + offset, length);
        }
    }
}
