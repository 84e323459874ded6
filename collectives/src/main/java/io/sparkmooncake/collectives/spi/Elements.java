// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;

/**
 * A vector of elements of one type: a Java array or a range of it, or memory outside the heap. A view, which owns nothing:
 * whoever made it keeps the memory alive and unchanged while an operation uses it. Make it once and use it again; operations
 * allocate nothing.
 *
 * <p>Threading: as the memory behind it. Positions and limits are never moved.
 */
public sealed interface Elements {
    /** Returns the type of every element. */
    DataType type();

    /** Returns the number of elements. */
    int count();

    /**
     * Copies elements to another vector of the same type.
     *
     * @throws IndexOutOfBoundsException when either range exceeds its vector
     */
    void copyTo(int from, Elements target, int at, int count);

    /** Returns a view of a whole array. */
    static Elements of(byte[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}. */
    static Elements of(byte[] array, int offset, int count) {
        return new Int8(ByteBuffer.wrap(array, offset, count));
    }

    /** Returns a view of a whole array. */
    static Elements of(int[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}. */
    static Elements of(int[] array, int offset, int count) {
        return new Int32(IntBuffer.wrap(array, offset, count));
    }

    /** Returns a view of a whole array. */
    static Elements of(long[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}. */
    static Elements of(long[] array, int offset, int count) {
        return new Int64(LongBuffer.wrap(array, offset, count));
    }

    /** Returns a view of a whole array. */
    static Elements of(float[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}. */
    static Elements of(float[] array, int offset, int count) {
        return new Float32(FloatBuffer.wrap(array, offset, count));
    }

    /** Returns a view of a whole array. */
    static Elements of(double[] array) {
        return of(array, 0, array.length);
    }

    /** Returns a view of {@code array[offset, offset + count)}. */
    static Elements of(double[] array, int offset, int count) {
        return new Float64(DoubleBuffer.wrap(array, offset, count));
    }

    /** Returns a view of a buffer from its position to its limit, in native byte order; a remainder at the end is left out. */
    static Elements of(ByteBuffer bytes, DataType type) {
        ByteBuffer view = bytes.slice().order(ByteOrder.nativeOrder());
        return switch (type) {
            case INT8 -> new Int8(view);
            case INT32 -> new Int32(view.asIntBuffer());
            case INT64 -> new Int64(view.asLongBuffer());
            case FLOAT32 -> new Float32(view.asFloatBuffer());
            case FLOAT64 -> new Float64(view.asDoubleBuffer());
        };
    }

    /** Takes a new array from the heap, which the view owns. */
    static Elements allocate(DataType type, int count) {
        return switch (type) {
            case INT8 -> of(new byte[count]);
            case INT32 -> of(new int[count]);
            case INT64 -> of(new long[count]);
            case FLOAT32 -> of(new float[count]);
            case FLOAT64 -> of(new double[count]);
        };
    }

    private static IllegalArgumentException mismatch(Elements from, Elements to) {
        return new IllegalArgumentException("elements of type=" + from.type().label() + " do not go into type="
                + to.type().label());
    }

    /**
     * Elements of type {@link DataType#INT8}.
     *
     * @param buffer from its position to its limit; its content is shared, its position is not
     */
    record Int8(ByteBuffer buffer) implements Elements {
        /** Takes a view of its own. */
        public Int8 {
            buffer = buffer.slice();
        }

        @Override
        public DataType type() {
            return DataType.INT8;
        }

        @Override
        public int count() {
            return buffer.limit();
        }

        @Override
        public void copyTo(int from, Elements target, int at, int count) {
            if (!(target instanceof Int8 same)) {
                throw mismatch(this, target);
            }
            same.buffer.put(at, buffer, from, count);
        }
    }

    /**
     * Elements of type {@link DataType#INT32}.
     *
     * @param buffer from its position to its limit; its content is shared, its position is not
     */
    record Int32(IntBuffer buffer) implements Elements {
        /** Takes a view of its own. */
        public Int32 {
            buffer = buffer.slice();
        }

        @Override
        public DataType type() {
            return DataType.INT32;
        }

        @Override
        public int count() {
            return buffer.limit();
        }

        @Override
        public void copyTo(int from, Elements target, int at, int count) {
            if (!(target instanceof Int32 same)) {
                throw mismatch(this, target);
            }
            same.buffer.put(at, buffer, from, count);
        }
    }

    /**
     * Elements of type {@link DataType#INT64}.
     *
     * @param buffer from its position to its limit; its content is shared, its position is not
     */
    record Int64(LongBuffer buffer) implements Elements {
        /** Takes a view of its own. */
        public Int64 {
            buffer = buffer.slice();
        }

        @Override
        public DataType type() {
            return DataType.INT64;
        }

        @Override
        public int count() {
            return buffer.limit();
        }

        @Override
        public void copyTo(int from, Elements target, int at, int count) {
            if (!(target instanceof Int64 same)) {
                throw mismatch(this, target);
            }
            same.buffer.put(at, buffer, from, count);
        }
    }

    /**
     * Elements of type {@link DataType#FLOAT32}.
     *
     * @param buffer from its position to its limit; its content is shared, its position is not
     */
    record Float32(FloatBuffer buffer) implements Elements {
        /** Takes a view of its own. */
        public Float32 {
            buffer = buffer.slice();
        }

        @Override
        public DataType type() {
            return DataType.FLOAT32;
        }

        @Override
        public int count() {
            return buffer.limit();
        }

        @Override
        public void copyTo(int from, Elements target, int at, int count) {
            if (!(target instanceof Float32 same)) {
                throw mismatch(this, target);
            }
            same.buffer.put(at, buffer, from, count);
        }
    }

    /**
     * Elements of type {@link DataType#FLOAT64}.
     *
     * @param buffer from its position to its limit; its content is shared, its position is not
     */
    record Float64(DoubleBuffer buffer) implements Elements {
        /** Takes a view of its own. */
        public Float64 {
            buffer = buffer.slice();
        }

        @Override
        public DataType type() {
            return DataType.FLOAT64;
        }

        @Override
        public int count() {
            return buffer.limit();
        }

        @Override
        public void copyTo(int from, Elements target, int at, int count) {
            if (!(target instanceof Float64 same)) {
                throw mismatch(this, target);
            }
            same.buffer.put(at, buffer, from, count);
        }
    }
}
