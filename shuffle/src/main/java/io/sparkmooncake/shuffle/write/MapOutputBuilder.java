// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.store.BlockIndex;
import io.sparkmooncake.shuffle.store.Encoding;
import io.sparkmooncake.shuffle.store.MapOutput;
import io.sparkmooncake.shuffle.store.Part;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Gathers the parts of one map output. Owns them until {@link #finish}. Threading: the task's thread. */
final class MapOutputBuilder {
    private static final int COPY_BYTES = 64 << 10;

    private final WriteEnvironment environment;
    private final Encodings encodings;
    private final List<Part> parts = new ArrayList<>();

    MapOutputBuilder(WriteEnvironment environment, Encodings encodings) {
        this.environment = environment;
        this.encodings = encodings;
    }

    /** Lays out the complete records of a log: in memory as one part, elsewhere or encoded as one part or more. */
    void addRun(RecordLog log) throws IOException {
        if (log.bytes() == 0) {
            return;
        }
        int entries = countNonZero(log.bytesByPartition());
        long totalBytes = Part.totalBytes(log.bytes(), entries);
        PartSink.Place first = PartSink.Place.MEMORY;
        if (environment.codec().isIdentity(encodings.inMemory())) {
            Optional<PartBuilder> memory = PartBuilder.open(environment, totalBytes);
            if (memory.isPresent()) {
                scatter(log, memory.get(), entries);
                return;
            }
            // There was no memory for this run, also after others had moved: it is not asked for again part by part.
            first = PartSink.Place.FILE;
        }
        stream(log, first, totalBytes);
    }

    private void scatter(RecordLog log, PartBuilder builder, int entries) {
        int[] bytesByPartition = log.bytesByPartition();
        long dataBytes = log.bytes();
        boolean filled = false;
        try {
            BlockIndex index = builder.index(dataBytes, entries);
            fillIndex(index, bytesByPartition, encodings.inMemory());
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
    private static void fillIndex(BlockIndex index, int[] bytesByPartition, Encoding encoding) {
        long start = 0;
        int entry = 0;
        for (int partition = 0; partition < bytesByPartition.length; partition++) {
            long length = Integer.toUnsignedLong(bytesByPartition[partition]);
            if (length > 0) {
                index.set(entry++, BlockIndex.word(partition, encoding), start);
                bytesByPartition[partition] = (int) start;
                start += length;
            }
        }
        index.setEnd(start);
    }

    /** Lays the run out in private memory first, then writes it block by block. */
    private void stream(RecordLog log, PartSink.Place first, long totalBytes) throws IOException {
        int[] lengths = log.bytesByPartition().clone();
        PartStream stream = new PartStream(environment, first, firstPartBytes(first, totalBytes));
        boolean written = false;
        try (StagedRun run = new StagedRun(environment.scratch(), log)) {
            writeBlocks(run, lengths, stream);
            parts.addAll(stream.finish());
            written = true;
        } finally {
            if (!written) {
                stream.abort();
            }
        }
    }

    /** Blocks that stay as they are fill one part; others begin small, since their length is not known. */
    private long firstPartBytes(PartSink.Place first, long totalBytes) {
        boolean plain = environment.codec().isIdentity(encodings.at(first));
        return plain ? totalBytes + Long.BYTES : PartStream.FIRST_PART_BYTES;
    }

    private void writeBlocks(StagedRun run, int[] lengths, PartStream stream) throws IOException {
        byte[] copy = new byte[COPY_BYTES];
        long at = 0;
        for (int partition = 0; partition < lengths.length; partition++) {
            long end = at + Integer.toUnsignedLong(lengths[partition]);
            if (end == at) {
                continue;
            }
            Encoding encoding = encodings.at(stream.place());
            stream.begin(partition, encoding);
            try (OutputStream encoder = environment.codec().encode(stream, encoding)) {
                while (at < end) {
                    ByteBuffer bytes = run.at(at, end - at);
                    at += bytes.remaining();
                    write(bytes, encoder, copy);
                }
            }
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
        MapOutput output = new MapOutput(mapId, parts);
        parts.clear();
        return output;
    }

    /** Gives back every part that was not handed over. */
    void abort() {
        parts.forEach(part -> part.extent().release());
        parts.clear();
    }
}
