// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MapOutputFrameTest {
    @TempDir
    Path directory;

    private Outputs outputs;
    private MapOutputStore store;

    @BeforeEach
    void open() {
        outputs = new Outputs(directory, 8 << 20);
        store = outputs.store;
    }

    @AfterEach
    void everythingIsGivenBack() {
        outputs.close();
        assertThat(outputs.memory.usedBytes() + outputs.files.usedBytes()).isZero();
    }

    @Test
    void anOutputArrivesInPiecesOfAnySize() throws IOException {
        store.commit(1, outputs.output(10, 3, 50_001));
        Random random = new Random(5);
        for (int most : new int[] {7, 4_096, 1 << 20}) {
            store.commit(2, received(bytes(most), random, most));
            LeasedBlocks<HostRegion> found = store.lookup("a", new LookupRequest(2, 1, 2, new long[] {10}));
            assertThat(found.table().size()).isEqualTo(3);
            assertThat(Outputs.isIntact(found, 10, 1)).isTrue();
            store.release("a", found.leaseId());
            store.removeShuffle(2);
        }
    }

    @Test
    void anOutputWithoutBlocksArrives() throws IOException {
        store.commit(1, new MapOutput(10, List.of()));
        MapOutput copy = received(bytes(100), new Random(6), 100);
        assertThat(copy.parts()).isEmpty();
    }

    @Test
    void aTruncatedFrameIsRefusedAndLeavesNothing() throws IOException {
        store.commit(1, outputs.output(10, 2, 100));
        byte[] frame = bytes(1 << 20);
        for (int length = 0; length < frame.length; length++) {
            byte[] cut = Arrays.copyOf(frame, length);
            assertThatThrownBy(() -> received(cut, new Random(7), 64))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("map id=10 ended after parts=");
        }
        assertThat(outputs.files.usedBytes()).isZero();
    }

    @Test
    void bytesThatAreNoFrameAreRefused() throws IOException {
        store.commit(1, outputs.output(10, 1, 100));
        byte[] frame = bytes(1 << 20);
        refused(frame, 0, (byte) 99, "version=99");
        refused(frame, 1, (byte) 0x80, "parts=");
        refused(frame, 5, (byte) 0x80, "malformed frame");
        refused(frame, 13, (byte) 0x80, "malformed frame");
        refused(frame, 13, (byte) 0x7f, "malformed frame");
        assertThatThrownBy(() -> received(Arrays.copyOf(frame, frame.length + 1), new Random(8), 1_000))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("goes on after its last part");
        assertThat(outputs.files.usedBytes()).isZero();
    }

    private void refused(byte[] frame, int at, byte value, String message) {
        byte[] changed = frame.clone();
        changed[at] = value;
        assertThatThrownBy(() -> received(changed, new Random(9), 1_000))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(message);
    }

    /** A sparse file: what lies in front of its last bytes costs nothing. */
    @Test
    void aPartMayBeLargerThanASlice() throws IOException {
        long dataBytes = HostRegion.MAX_SLICE_BYTES + 1_000L;
        Extent extent = store.allocateOnDisk(Part.totalBytes(dataBytes, 1));
        ByteBuffer words = ByteBuffer.allocate(BlockIndex.sizeBytes(1));
        BlockIndex index = new BlockIndex(words, 1);
        index.set(0, BlockIndex.word(3, Encoding.PLAIN), 0);
        index.setEnd(dataBytes);
        extent.write(BlockIndex.startFor(dataBytes), words);
        extent.write(dataBytes - 1, ByteBuffer.wrap(new byte[] {42}));
        store.commit(1, new MapOutput(10, List.of(new Part(extent, dataBytes, 1))));
        try (MapOutputFrame frame = store.frame(1, 10).orElseThrow()) {
            long head = frame.sizeBytes() - Part.totalBytes(dataBytes, 1);
            assertThat(frame.at(head, Integer.MAX_VALUE).remaining())
                    .as("no more of a file than a piece")
                    .isBetween(1, 1 << 20);
            assertThat(frame.at(head + dataBytes - 1, 1).get()).isEqualTo((byte) 42);
            assertThat(frame.at(frame.sizeBytes() - 1, 100).remaining()).isEqualTo(1);
            assertThatThrownBy(() -> frame.at(frame.sizeBytes(), 1)).isInstanceOf(IOException.class);
        }
    }

    @Test
    void aFrameKeepsItsOutputUntilItIsClosed() throws IOException {
        store.commit(1, outputs.output(10, 2, 100));
        MapOutputFrame frame = store.frame(1, 10).orElseThrow();
        store.removeShuffle(1);
        assertThat(store.frame(1, 10)).isEmpty();
        assertThat(outputs.memory.usedBytes()).isPositive();
        frame.close();
        assertThat(outputs.memory.usedBytes()).isZero();
    }

    private byte[] bytes(int most) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (MapOutputFrame frame = store.frame(1, 10).orElseThrow()) {
            for (long at = 0; at < frame.sizeBytes(); ) {
                ByteBuffer piece = frame.at(at, most);
                byte[] copy = new byte[piece.remaining()];
                piece.get(copy);
                bytes.writeBytes(copy);
                at += copy.length;
            }
        }
        return bytes.toByteArray();
    }

    private MapOutput received(byte[] frame, Random random, int most) throws IOException {
        try (MapOutputFrameReader reader = new MapOutputFrameReader(store, 10)) {
            for (int at = 0; at < frame.length; ) {
                int length = Math.min(1 + random.nextInt(most), frame.length - at);
                reader.accept(ByteBuffer.wrap(frame, at, length));
                at += length;
            }
            return reader.finish();
        }
    }
}
