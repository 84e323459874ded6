// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.store.BlockIndex;
import io.sparkmooncake.shuffle.store.Part;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Takes blocks of unknown length one partition after another and cuts them into parts: a full part is sealed and the block
 * goes on in the next one, marked as continued. Parts grow from 1 MiB to the write buffer, so small outputs stay small.
 */
final class PartStream extends OutputStream {
    private static final long FIRST_PART_BYTES = 1 << 20;

    private final WriteEnvironment environment;
    private final List<Part> parts = new ArrayList<>();
    private final byte[] single = new byte[1];
    private @Nullable PartBuilder builder;
    private @Nullable ByteBuffer data;
    private long nextCapacityBytes = FIRST_PART_BYTES;
    private int[] partitions = new int[16];
    private long[] starts = new long[16];
    private int entries;
    private int partition = -1;
    private int lastPartition = -1;

    PartStream(WriteEnvironment environment) {
        this.environment = environment;
    }

    /** Begins the blocks of a partition; partitions come in ascending order. */
    void begin(int nextPartition) {
        if (nextPartition <= lastPartition) {
            throw new IllegalStateException("partition=" + nextPartition + " after partition=" + lastPartition);
        }
        partition = nextPartition;
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
            ByteBuffer target = room();
            int step = Math.min(left, target.remaining());
            target.put(source, at, step);
            at += step;
            left -= step;
        }
    }

    /** Returns a buffer with room for at least one byte of the current partition. */
    private ByteBuffer room() throws IOException {
        ByteBuffer open = data;
        if (open != null && partition >= 0 && !fitsAnotherEntry(open)) {
            cut(false);
            open = null;
        }
        if (open != null && !open.hasRemaining()) {
            cut(true);
            open = null;
        }
        if (open == null) {
            open = open();
        }
        if (partition >= 0) {
            addEntry(open);
        }
        return open;
    }

    private boolean fitsAnotherEntry(ByteBuffer buffer) {
        int room = (int) Math.min(Integer.MAX_VALUE, BlockIndex.startFor(buffer.position() + 1L));
        return room + BlockIndex.sizeBytes(entries + 1) <= buffer.capacity();
    }

    /** Begins the current partition's block here, and keeps room for the index behind the data. */
    private void addEntry(ByteBuffer buffer) {
        if (entries == partitions.length) {
            partitions = Arrays.copyOf(partitions, entries * 2);
            starts = Arrays.copyOf(starts, entries * 2);
        }
        partitions[entries] = partition;
        starts[entries] = buffer.position();
        entries++;
        partition = -1;
        buffer.limit((buffer.capacity() - BlockIndex.sizeBytes(entries)) & ~7);
    }

    private ByteBuffer open() throws IOException {
        long capacity = Math.min(nextCapacityBytes, HostRegion.MAX_SLICE_BYTES);
        PartBuilder opened = PartBuilder.openAtMost(environment, capacity);
        builder = opened;
        ByteBuffer buffer = opened.extent()
                .slice(0, (int) Math.min(capacity, opened.extent().sizeBytes()));
        data = buffer;
        nextCapacityBytes = Math.max(FIRST_PART_BYTES, Math.min(nextCapacityBytes * 4, environment.bufferBytes()));
        return buffer;
    }

    /** Seals the part; when its last block is not complete, the next part goes on with it. */
    private void cut(boolean goesOn) throws IOException {
        ByteBuffer buffer = Objects.requireNonNull(data);
        PartBuilder full = Objects.requireNonNull(builder);
        long dataBytes = buffer.position();
        int count = entries;
        int last = partitions[count - 1];
        builder = null;
        data = null;
        entries = 0;
        boolean filled = false;
        try {
            BlockIndex index = full.index(dataBytes, count);
            for (int i = 0; i < count; i++) {
                index.set(i, partitions[i], goesOn && i == count - 1, starts[i]);
            }
            index.setEnd(dataBytes);
            full.addChecksums(index);
            filled = true;
        } finally {
            if (!filled) {
                full.abort();
            }
        }
        parts.add(full.seal(dataBytes, count));
        if (goesOn) {
            partition = last;
        }
    }

    /** Hands over all parts, the last one sealed; the stream is used up. */
    List<Part> finish() throws IOException {
        if (data != null) {
            cut(false);
        }
        List<Part> finished = List.copyOf(parts);
        parts.clear();
        return finished;
    }

    /** Gives back everything. */
    void abort() {
        if (builder != null) {
            builder.abort();
            builder = null;
            data = null;
        }
        parts.forEach(part -> part.extent().release());
        parts.clear();
    }
}
