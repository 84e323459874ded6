// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import io.sparkmooncake.transfer.memory.HostRegion;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.util.Objects;

/**
 * A vector of elements of one type: a Java array or a range of it, a buffer outside the heap, a slice of a region of any length, or
 * memory of a device.
 * A view, which owns nothing: whoever made it keeps the memory alive and unchanged while an operation uses it. Make it once and use
 * it again; operations allocate nothing.
 *
 * <p>Threading: as the memory behind it. Positions and limits are never moved.
 */
public sealed interface Elements permits ContiguousElements, DeviceElements, RegionElements {
    /** Returns the type of every element. */
    DataType type();

    /** Returns the number of elements. */
    long count();

    /** Returns the contiguous stretch that an element is in. */
    ContiguousElements piece(long index);

    /** Returns where in its contiguous stretch an element is. */
    int within(long index);

    /**
     * Returns a view of {@code [from, from + count)}.
     *
     * @throws IndexOutOfBoundsException when that exceeds this vector
     */
    Elements slice(long from, long count);

    /**
     * Copies elements to another vector of the same type.
     *
     * @throws IndexOutOfBoundsException when either range exceeds its vector
     * @throws IllegalArgumentException when the types differ
     */
    default void copyTo(long from, Elements target, long at, long count) {
        if (type() != target.type()) {
            throw new IllegalArgumentException("elements of type=" + type().label() + " do not go into type="
                    + target.type().label());
        }
        Objects.checkFromIndexSize(from, count, count());
        Objects.checkFromIndexSize(at, count, target.count());
        for (long done = 0, n; done < count; done += n) {
            ContiguousElements piece = piece(from + done);
            int start = within(from + done);
            ContiguousElements into = target.piece(at + done);
            int to = target.within(at + done);
            n = Math.min(count - done, Math.min(piece.count() - start, into.count() - to));
            piece.copyPiece(start, into, to, (int) n);
        }
    }

    /** Returns a view of a whole array, as {@link DataType#INT8}. */
    static Elements of(byte[] array) {
        return of(array, 0, array.length, DataType.INT8);
    }

    /** Returns a view of {@code array[offset, offset + count)}, as {@link DataType#INT8}. */
    static Elements of(byte[] array, int offset, int count) {
        return of(array, offset, count, DataType.INT8);
    }

    /** Returns a view of {@code array[offset, offset + count)}, as any type of one byte. */
    static Elements of(byte[] array, int offset, int count, DataType type) {
        return new ContiguousElements.Bytes(type, ByteBuffer.wrap(array, offset, count));
    }

    /** Returns a view of a whole array, as {@link DataType#BOOLEAN}. */
    static Elements of(boolean[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}, as {@link DataType#BOOLEAN}. */
    static Elements of(boolean[] array, int offset, int count) {
        return new ContiguousElements.Booleans(array, offset, count);
    }

    /** Returns a view of a whole array, as a type of 16 bits. */
    static Elements of(short[] array, DataType type) {
        return of(array, 0, array.length, type);
    }

    /** Returns a view of {@code array[offset, offset + count)}, as a type of 16 bits. */
    static Elements of(short[] array, int offset, int count, DataType type) {
        return new ContiguousElements.Halves(type, ShortBuffer.wrap(array, offset, count));
    }

    /** Returns a view of a whole array. */
    static Elements of(int[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}. */
    static Elements of(int[] array, int offset, int count) {
        return new ContiguousElements.Int32(IntBuffer.wrap(array, offset, count));
    }

    /** Returns a view of a whole array. */
    static Elements of(long[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}. */
    static Elements of(long[] array, int offset, int count) {
        return new ContiguousElements.Int64(LongBuffer.wrap(array, offset, count));
    }

    /** Returns a view of a whole array. */
    static Elements of(float[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}. */
    static Elements of(float[] array, int offset, int count) {
        return new ContiguousElements.Float32(FloatBuffer.wrap(array, offset, count), null);
    }

    /** Returns a view of a whole array. */
    static Elements of(double[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}. */
    static Elements of(double[] array, int offset, int count) {
        return new ContiguousElements.Float64(DoubleBuffer.wrap(array, offset, count), null);
    }

    /** Returns a view of a buffer from its position to its limit, in native byte order; a remainder at the end is left out. */
    static Elements of(ByteBuffer bytes, DataType type) {
        return ContiguousElements.view(bytes.slice().order(ByteOrder.nativeOrder()), type);
    }

    /**
     * Returns a view of {@code count} elements of a region, in native byte order. The caller counts the region while the view is in
     * use.
     *
     * @throws IndexOutOfBoundsException when they exceed it
     */
    static Elements of(HostRegion region, long offsetBytes, long count, DataType type) {
        return RegionElements.view(region, offsetBytes, count, type);
    }

    /** Takes a new array from the heap, which the view owns. */
    static Elements allocate(DataType type, int count) {
        return switch (type) {
            case INT8, UINT8, BOOLEAN -> of(new byte[count], 0, count, type);
            case FLOAT16, BFLOAT16 -> of(new short[count], type);
            case INT32 -> of(new int[count]);
            case INT64 -> of(new long[count]);
            case FLOAT32 -> of(new float[count]);
            case FLOAT64 -> of(new double[count]);
        };
    }
}
