// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.store.BlockIndex;
import io.sparkmooncake.shuffle.store.MapOutput;
import io.sparkmooncake.shuffle.store.MapOutput.Encoding;
import io.sparkmooncake.shuffle.store.Part;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Gathers the parts of one map output. Owns them until {@link #finish}. Threading: the task's thread. */
final class MapOutputBuilder {
    private static final int COPY_BYTES = 64 << 10;

    private final WriteEnvironment environment;
    private final Encoding encoding;
    private final List<Part> parts = new ArrayList<>();

    MapOutputBuilder(WriteEnvironment environment, Encoding encoding) {
        this.environment = environment;
        this.encoding = encoding;
    }

    /** Lays out the complete records of a log as one part, or as several where blocks are compressed or encrypted. */
    void addRun(RecordLog log) throws IOException {
        if (log.bytes() == 0) {
            return;
        }
        if (environment.codec().isIdentity(encoding)) {
            addPlainRun(log);
        } else {
            addEncodedRun(log);
        }
    }

    private void addPlainRun(RecordLog log) throws IOException {
        int[] bytesByPartition = log.bytesByPartition();
        long dataBytes = log.bytes();
        int entries = countNonZero(bytesByPartition);
        PartBuilder builder =
                PartBuilder.open(environment, BlockIndex.startFor(dataBytes) + BlockIndex.sizeBytes(entries));
        boolean filled = false;
        try {
            BlockIndex index = builder.index(dataBytes, entries);
            fillIndex(index, bytesByPartition);
            log.scatterTo(builder.extent(), bytesByPartition);
            builder.addChecksums(index);
            filled = true;
        } finally {
            if (!filled) {
                builder.abort();
            }
        }
        parts.add(builder.seal(dataBytes, entries));
    }

    private static int countNonZero(int[] values) {
        int count = 0;
        for (int value : values) {
            count += value == 0 ? 0 : 1;
        }
        return count;
    }

    /** Writes the index and turns each partition's length into where its block begins, in place. */
    private static void fillIndex(BlockIndex index, int[] bytesByPartition) {
        long start = 0;
        int entry = 0;
        for (int partition = 0; partition < bytesByPartition.length; partition++) {
            long length = Integer.toUnsignedLong(bytesByPartition[partition]);
            if (length > 0) {
                index.set(entry++, partition, false, start);
                bytesByPartition[partition] = (int) start;
                start += length;
            }
        }
        index.setEnd(start);
    }

    /** Lays the run out in private memory first, then encodes it block by block. */
    private void addEncodedRun(RecordLog log) throws IOException {
        int[] bytesByPartition = log.bytesByPartition();
        int[] lengths = bytesByPartition.clone();
        long start = 0;
        for (int partition = 0; partition < lengths.length; partition++) {
            bytesByPartition[partition] = (int) start;
            start += Integer.toUnsignedLong(lengths[partition]);
        }
        Extent plain = PartBuilder.scratch(environment, log.bytes());
        PartStream stream = new PartStream(environment);
        boolean encoded = false;
        try {
            log.scatterTo(plain, bytesByPartition);
            encodeBlocks(plain, lengths, stream);
            parts.addAll(stream.finish());
            encoded = true;
        } finally {
            plain.release();
            if (!encoded) {
                stream.abort();
            }
        }
    }

    private void encodeBlocks(Extent plain, int[] lengths, PartStream stream) throws IOException {
        byte[] copy = new byte[COPY_BYTES];
        long at = 0;
        for (int partition = 0; partition < lengths.length; partition++) {
            long end = at + Integer.toUnsignedLong(lengths[partition]);
            if (end > at) {
                stream.begin(partition);
                try (OutputStream encoder = environment.codec().encode(stream, encoding)) {
                    for (; at < end; at += Math.min(end - at, HostRegion.MAX_SLICE_BYTES)) {
                        write(plain.slice(at, (int) Math.min(end - at, HostRegion.MAX_SLICE_BYTES)), encoder, copy);
                    }
                }
            }
            at = end;
        }
    }

    private static void write(ByteBuffer bytes, OutputStream out, byte[] copy) throws IOException {
        while (bytes.hasRemaining()) {
            int step = Math.min(bytes.remaining(), copy.length);
            bytes.get(copy, 0, step);
            out.write(copy, 0, step);
        }
    }

    /** Takes over the parts of a finished stream. */
    void addParts(List<Part> streamed) {
        parts.addAll(streamed);
    }

    /** Hands the parts over as one map output. */
    MapOutput finish(long mapId) {
        MapOutput output = new MapOutput(mapId, encoding, parts);
        parts.clear();
        return output;
    }

    /** Gives back every part that was not handed over. */
    void abort() {
        parts.forEach(part -> part.extent().release());
        parts.clear();
    }
}
