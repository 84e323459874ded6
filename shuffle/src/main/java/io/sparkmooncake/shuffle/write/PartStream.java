// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.store.BlockIndex;
import io.sparkmooncake.shuffle.store.Encoding;
import io.sparkmooncake.shuffle.store.Part;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Takes blocks of unknown length one partition after another and cuts them into parts: a full part is sealed and the block
 * goes on in the next one, marked as continued and encoded as it began. Parts grow from the first one to the write buffer, so
 * small outputs stay small.
 */
final class PartStream extends OutputStream {
    static final int FIRST_PART_BYTES = 1 << 20;

    private final WriteEnvironment environment;
    private final PartSink.Place first;
    private final List<Part> parts = new ArrayList<>();
    private final byte[] single = new byte[1];
    private final CRC32C crc = new CRC32C();
    private @Nullable PartSink sink;
    private long nextCapacityBytes;
    private int dataLimit;
    private int[] words = new int[16];
    private int[] starts = new int[16];
    private int[] checksums = new int[16];
    private int entries;

    /** Of the block that begins with the next byte; −1 when it has begun. */
    private int word = -1;

    private int lastPartition = -1;

    /**
     * Creates an empty stream.
     *
     * @param first where room for parts is looked for first; memory is not tried after files
     * @param firstPartBytes capacity of the first part, index included
     */
    PartStream(WriteEnvironment environment, PartSink.Place first, long firstPartBytes) {
        this.environment = environment;
        this.first = first;
        this.nextCapacityBytes = firstPartBytes;
    }

    /** Returns where the next block begins; it must follow, or {@link #abort}. */
    PartSink.Place place() throws IOException {
        PartSink open = sink;
        if (open != null && entries > 0 && !fitsAnotherEntry(open)) {
            cut(open, -1);
            open = null;
        }
        return open == null ? open().place() : open.place();
    }

    /** Begins the block of a partition; partitions come in ascending order. */
    void begin(int nextPartition, Encoding encoding) {
        if (nextPartition <= lastPartition) {
            throw new IllegalStateException("partition=" + nextPartition + " after partition=" + lastPartition);
        }
        word = BlockIndex.word(nextPartition, encoding);
        lastPartition = nextPartition;
    }

    @Override
    public void write(int value) throws IOException {
        single[0] = (byte) value;
        write(single, 0, 1);
    }

    @Override
    public void write(byte[] source, int offset, int length) throws IOException {
        int at = offset;
        int left = length;
        while (left > 0) {
            PartSink target = room();
            int step = Math.min(left, dataLimit - target.position());
            target.put(source, at, step);
            if (environment.checksum()) {
                crc.update(source, at, step);
            }
            at += step;
            left -= step;
        }
    }

    /** Returns a part with room for at least one byte of the current partition. */
    private PartSink room() throws IOException {
        PartSink open = sink;
        if (open != null && word >= 0 && !fitsAnotherEntry(open)) {
            cut(open, -1);
            open = null;
        }
        if (open != null && word < 0 && open.position() >= dataLimit) {
            cut(open, words[entries - 1]);
            open = null;
        }
        if (open == null) {
            open = open();
        }
        if (word >= 0) {
            addEntry(open);
        }
        return open;
    }

    private boolean fitsAnotherEntry(PartSink open) {
        return BlockIndex.startFor(open.position() + 1L) + BlockIndex.sizeBytes(entries + 1) <= open.capacityBytes();
    }

    /** Begins the current block here, and keeps room for the index behind the data. */
    private void addEntry(PartSink open) {
        endEntry();
        if (entries == words.length) {
            words = Arrays.copyOf(words, entries * 2);
            starts = Arrays.copyOf(starts, entries * 2);
            checksums = Arrays.copyOf(checksums, entries * 2);
        }
        words[entries] = word;
        starts[entries] = open.position();
        entries++;
        word = -1;
        dataLimit = (open.capacityBytes() - BlockIndex.sizeBytes(entries)) & ~7;
    }

    private void endEntry() {
        if (entries > 0) {
            checksums[entries - 1] = environment.checksum() ? (int) crc.getValue() : 0;
        }
        crc.reset();
    }

    private PartSink open() throws IOException {
        int capacity = (int) Math.min(nextCapacityBytes, HostRegion.MAX_SLICE_BYTES);
        PartSink opened = PartSink.open(environment, first, capacity, FIRST_PART_BYTES);
        sink = opened;
        nextCapacityBytes = Math.max(FIRST_PART_BYTES, Math.min(nextCapacityBytes * 4, environment.bufferBytes()));
        return opened;
    }

    /** Seals the part; the next one goes on with the block of {@code unfinished}, unless that is −1. */
    private void cut(PartSink full, int unfinished) throws IOException {
        endEntry();
        int count = entries;
        ByteBuffer bytes = ByteBuffer.allocate(BlockIndex.sizeBytes(count));
        BlockIndex index = new BlockIndex(bytes, count);
        for (int i = 0; i < count; i++) {
            index.set(i, unfinished >= 0 && i == count - 1 ? BlockIndex.continued(words[i]) : words[i], starts[i]);
            index.setChecksum(i, checksums[i]);
        }
        index.setEnd(full.position());
        sink = null;
        entries = 0;
        parts.add(full.seal(bytes, count));
        if (unfinished >= 0) {
            word = unfinished;
        }
    }

    /** Hands over all parts, the last one sealed; the stream is used up. */
    List<Part> finish() throws IOException {
        PartSink last = sink;
        if (last != null) {
            cut(last, -1);
        }
        List<Part> finished = List.copyOf(parts);
        parts.clear();
        return finished;
    }

    /** Gives back everything. */
    void abort() {
        if (sink != null) {
            sink.abort();
            sink = null;
        }
        parts.forEach(part -> part.extent().release());
        parts.clear();
    }
}
