// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.collectives.testing.SparseRegion;
import io.sparkmooncake.collectives.testing.TestVector;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class ElementsTest {
    private static final long GIB = 1L << 30;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @EnumSource(DataType.class)
    void everyMemoryGivesAndTakesTheSameElements(DataType type) throws Exception {
        List<Number> values = TestVector.random(type, 100, new Random(1));
        Path path = directory.resolve("mapped");
        try (FileChannel file =
                FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer mapped = file.map(FileChannel.MapMode.READ_WRITE, 0, 1_024);
            Elements onFile = Elements.of(mapped.position(8).limit(8 + 100 * type.sizeBytes()), type);
            Elements heap = TestVector.onHeap(type, values);
            heap.copyTo(0, onFile, 0, 100);
            assertThat(TestVector.values(onFile)).isEqualTo(values);
            Elements direct = Elements.of(ByteBuffer.allocateDirect(60 * type.sizeBytes()), type);
            onFile.copyTo(40, direct, 0, 60);
            assertThat(TestVector.values(direct.slice(10, 50))).isEqualTo(values.subList(50, 100));
            if (type == DataType.BOOLEAN) {
                Elements booleans = Elements.of(new boolean[100], 50, 50);
                direct.copyTo(10, booleans, 0, 50);
                booleans.slice(5, 45).copyTo(0, heap, 0, 45);
                assertThat(TestVector.values(heap.slice(0, 45))).isEqualTo(values.subList(55, 100));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(DataType.class)
    void regionsMayExceedWhatABufferShows(DataType type) throws Exception {
        long count = (2 * GIB + 4_096) / type.sizeBytes();
        long border = GIB / type.sizeBytes();
        List<Number> values = TestVector.random(type, 20, new Random(2));
        try (SparseRegion region = new SparseRegion(directory.resolve("region"), 3 * GIB)) {
            Elements all = Elements.of(region, 64, count, type);
            assertThat(all.count()).isEqualTo(count);
            assertThat(all.type()).isEqualTo(type);
            Elements heap = TestVector.onHeap(type, values);
            for (long at : new long[] {border - 10, 2 * border - 10, count - 20}) {
                heap.copyTo(0, all, at, 20);
                Elements back = Elements.allocate(type, 20);
                all.copyTo(at, back, 0, 20);
                assertThat(TestVector.values(back)).isEqualTo(values);
                // Slices of slices begin where they say, on either side of a border.
                Elements slice = all.slice(at - 5, 25).slice(5, 20);
                assertThat(TestVector.values(slice)).isEqualTo(values);
                assertThat(TestVector.values(all.slice(at + 12, 8))).isEqualTo(values.subList(12, 20));
            }
            all.copyTo(border - 10, all, 2 * border + 3, 20);
            assertThat(TestVector.values(all.slice(2 * border + 3, 20))).isEqualTo(values);
            assertThatThrownBy(() -> all.slice(count - 1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.copyTo(0, all, count - 1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> Elements.of(region, 3 * GIB - 8, 9, type))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void elementsGoOnlyIntoTheirOwnType() {
        Elements ints = Elements.of(new int[2]);
        assertThatThrownBy(() -> ints.copyTo(0, Elements.of(new float[2]), 0, 2))
                .hasMessage("elements of type=int32 do not go into type=float32");
        Elements bytes = Elements.of(new byte[2], 0, 2, DataType.UINT8);
        assertThatThrownBy(() -> bytes.copyTo(0, Elements.of(new byte[2]), 0, 2))
                .hasMessage("elements of type=uint8 do not go into type=int8");
        assertThatThrownBy(() -> Elements.of(new short[2], DataType.INT32))
                .hasMessage("type=int32 has bytes=4, this memory has bytes=2");
    }

    @ParameterizedTest
    @EnumSource(ReduceOp.class)
    void operationsSayWhichTypesTheyTakeAndWhyNot(ReduceOp op) {
        for (DataType type : DataType.values()) {
            if (op.takes(type)) {
                op.require(type);
            } else {
                assertThatThrownBy(() -> op.require(type))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageMatching(op + " does not reduce type=" + type.label() + ": .+");
            }
        }
    }
}
