// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.collectives.spi.ContiguousElements;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Vectors as lists of boxed numbers: bytes as they are, types of 16 bits as the {@code short} that holds them, booleans as bytes of
 * 0 and 1.
 */
public final class TestVector {
    private static final int MARGIN = 3;

    private TestVector() {}

    public static List<Number> random(DataType type, int count, Random random) {
        List<Number> values = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            values.add(
                    switch (type) {
                        case INT8, UINT8 -> (byte) random.nextInt();
                        case BOOLEAN -> (byte) random.nextInt(2);
                        case FLOAT16 -> (short) random.nextInt();
                        case BFLOAT16 -> (short) (Float.floatToRawIntBits((float) floating(random)) >>> 16);
                        case INT32 -> random.nextInt();
                        case INT64 -> random.nextLong();
                        case FLOAT32 -> (float) floating(random);
                        case FLOAT64 -> floating(random);
                    });
        }
        return values;
    }

    private static double floating(Random random) {
        return switch (random.nextInt(64)) {
            case 0 -> Double.NaN;
            case 1 -> Double.NEGATIVE_INFINITY;
            case 2 -> -0.0;
            case 3 -> 0.0;
            default -> random.nextGaussian() * 1e3;
        };
    }

    /** Puts the values into the middle of a Java array. */
    public static Elements onHeap(DataType type, List<Number> values) {
        return fill(middle(type, values.size()), values);
    }

    /** Puts the values into memory outside the heap. */
    public static Elements offHeap(DataType type, List<Number> values) {
        return fill(Elements.of(ByteBuffer.allocateDirect(values.size() * type.sizeBytes()), type), values);
    }

    /** Puts the values into a {@code boolean[]}. */
    public static Elements booleans(List<Number> values) {
        return fill(Elements.of(new boolean[values.size() + 2 * MARGIN], MARGIN, values.size()), values);
    }

    private static Elements middle(DataType type, int count) {
        return Elements.allocate(type, count + 2 * MARGIN).slice(MARGIN, count);
    }

    private static Elements fill(Elements elements, List<Number> values) {
        for (int i = 0; i < values.size(); i++) {
            set(elements, i, values.get(i));
        }
        return elements;
    }

    public static void set(Elements elements, long at, Number value) {
        ContiguousElements piece = elements.piece(at);
        int index = elements.within(at);
        if (piece instanceof ContiguousElements.Bytes vector) {
            vector.buffer().put(index, value.byteValue());
        } else if (piece instanceof ContiguousElements.Booleans vector) {
            vector.array()[vector.offset() + index] = value.byteValue() != 0;
        } else if (piece instanceof ContiguousElements.Halves vector) {
            vector.buffer().put(index, value.shortValue());
        } else if (piece instanceof ContiguousElements.Int32 vector) {
            vector.buffer().put(index, value.intValue());
        } else if (piece instanceof ContiguousElements.Int64 vector) {
            vector.buffer().put(index, value.longValue());
        } else if (piece instanceof ContiguousElements.Float32 vector) {
            vector.buffer().put(index, value.floatValue());
        } else if (piece instanceof ContiguousElements.Float64 vector) {
            vector.buffer().put(index, value.doubleValue());
        }
    }

    public static List<Number> values(Elements elements) {
        List<Number> values = new ArrayList<>((int) elements.count());
        for (int i = 0; i < elements.count(); i++) {
            values.add(get(elements, i));
        }
        return values;
    }

    public static Number get(Elements elements, long at) {
        ContiguousElements piece = elements.piece(at);
        int index = elements.within(at);
        if (piece instanceof ContiguousElements.Bytes vector) {
            return vector.buffer().get(index);
        } else if (piece instanceof ContiguousElements.Booleans vector) {
            return (byte) (vector.array()[vector.offset() + index] ? 1 : 0);
        } else if (piece instanceof ContiguousElements.Halves vector) {
            return vector.buffer().get(index);
        } else if (piece instanceof ContiguousElements.Int32 vector) {
            return vector.buffer().get(index);
        } else if (piece instanceof ContiguousElements.Int64 vector) {
            return vector.buffer().get(index);
        } else if (piece instanceof ContiguousElements.Float32 vector) {
            return vector.buffer().get(index);
        }
        return ((ContiguousElements.Float64) piece).buffer().get(index);
    }
}
