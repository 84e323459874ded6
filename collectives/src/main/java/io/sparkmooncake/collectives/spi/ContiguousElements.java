// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Elements that one Java array or buffer holds. Threading: see {@link Elements}. */
public sealed interface ContiguousElements extends Elements {
    /** Copies to elements of the same type; the ranges were checked. */
    void copyPiece(int from, ContiguousElements target, int at, int count);

    @Override
    default ContiguousElements piece(long index) {
        return this;
    }

    @Override
    default int within(long index) {
        return (int) index;
    }

    /** Returns a view of a buffer in native byte order. */
    static ContiguousElements view(ByteBuffer view, DataType type) {
        return switch (type) {
            case INT8, UINT8, BOOLEAN -> new Bytes(type, view);
            case FLOAT16, BFLOAT16 -> new Halves(type, view.asShortBuffer());
            case INT32 -> new Int32(view.asIntBuffer());
            case INT64 -> new Int64(view.asLongBuffer());
            case FLOAT32 -> new Float32(view.asFloatBuffer(), view);
            case FLOAT64 -> new Float64(view.asDoubleBuffer(), view);
        };
    }

    private static @Nullable ByteBuffer part(@Nullable ByteBuffer bytes, DataType type, int from, int count) {
        return bytes == null ? null : bytes.slice(from * type.sizeBytes(), count * type.sizeBytes());
    }

    private static IllegalArgumentException mismatch(Elements from, Elements to) {
        return new IllegalArgumentException("elements of type=" + from.type().label() + " do not go into type="
                + to.type().label());
    }

    private static DataType require(DataType type, int sizeBytes) {
        if (type.sizeBytes() != sizeBytes) {
            throw new IllegalArgumentException(
                    "type=" + type.label() + " has bytes=" + type.sizeBytes() + ", this memory has bytes=" + sizeBytes);
        }
        return type;
    }

    /**
     * Elements of a type of one byte.
     *
     * @param type of each element
     * @param buffer from its position to its limit; its content is shared, its position is not
     */
    record Bytes(DataType type, ByteBuffer buffer) implements ContiguousElements {
        /** Takes a view of its own. */
        public Bytes {
            type = require(type, 1);
            buffer = buffer.slice();
        }

        @Override
        public long count() {
            return buffer.limit();
        }

        @Override
        public Elements slice(long from, long count) {
            Objects.checkFromIndexSize(from, count, count());
            return new Bytes(type, buffer.slice((int) from, (int) count));
        }

        @Override
        public void copyPiece(int from, ContiguousElements target, int at, int count) {
            if (target instanceof Booleans booleans && type == DataType.BOOLEAN) {
                for (int i = 0; i < count; i++) {
                    booleans.array[booleans.offset + at + i] = buffer.get(from + i) != 0;
                }
            } else if (target instanceof Bytes same && same.type == type) {
                same.buffer.put(at, buffer, from, count);
            } else {
                throw mismatch(this, target);
            }
        }
    }

    /** Elements of type {@link DataType#BOOLEAN} in a Java array, for which there is no buffer. */
    final class Booleans implements ContiguousElements {
        private final boolean[] array;
        private final int offset;
        private final int length;

        /** Takes a view of {@code array[offset, offset + length)}. */
        public Booleans(boolean[] array, int offset, int length) {
            this.offset = Objects.checkFromIndexSize(offset, length, array.length);
            this.array = array;
            this.length = length;
        }

        /** Returns the array, which is shared. */
        public boolean[] array() {
            return array;
        }

        /** Returns where in the array the first element is. */
        public int offset() {
            return offset;
        }

        @Override
        public DataType type() {
            return DataType.BOOLEAN;
        }

        @Override
        public long count() {
            return length;
        }

        @Override
        public Elements slice(long from, long count) {
            Objects.checkFromIndexSize(from, count, length);
            return new Booleans(array, offset + (int) from, (int) count);
        }

        @Override
        public void copyPiece(int from, ContiguousElements target, int at, int count) {
            if (target instanceof Booleans same) {
                System.arraycopy(array, offset + from, same.array, same.offset + at, count);
            } else if (target instanceof Bytes bytes && bytes.type == DataType.BOOLEAN) {
                for (int i = 0; i < count; i++) {
                    bytes.buffer.put(at + i, (byte) (array[offset + from + i] ? 1 : 0));
                }
            } else {
                throw mismatch(this, target);
            }
        }
    }

    /**
     * Elements of a type of 16 bits.
     *
     * @param type of each element
     * @param buffer from its position to its limit; its content is shared, its position is not
     */
    record Halves(DataType type, ShortBuffer buffer) implements ContiguousElements {
        /** Takes a view of its own. */
        public Halves {
            type = require(type, 2);
            buffer = buffer.slice();
        }

        @Override
        public long count() {
            return buffer.limit();
        }

        @Override
        public Elements slice(long from, long count) {
            Objects.checkFromIndexSize(from, count, count());
            return new Halves(type, buffer.slice((int) from, (int) count));
        }

        @Override
        public void copyPiece(int from, ContiguousElements target, int at, int count) {
            if (!(target instanceof Halves same) || same.type != type) {
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
    record Int32(IntBuffer buffer) implements ContiguousElements {
        /** Takes a view of its own. */
        public Int32 {
            buffer = buffer.slice();
        }

        @Override
        public DataType type() {
            return DataType.INT32;
        }

        @Override
        public long count() {
            return buffer.limit();
        }

        @Override
        public Elements slice(long from, long count) {
            Objects.checkFromIndexSize(from, count, count());
            return new Int32(buffer.slice((int) from, (int) count));
        }

        @Override
        public void copyPiece(int from, ContiguousElements target, int at, int count) {
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
    record Int64(LongBuffer buffer) implements ContiguousElements {
        /** Takes a view of its own. */
        public Int64 {
            buffer = buffer.slice();
        }

        @Override
        public DataType type() {
            return DataType.INT64;
        }

        @Override
        public long count() {
            return buffer.limit();
        }

        @Override
        public Elements slice(long from, long count) {
            Objects.checkFromIndexSize(from, count, count());
            return new Int64(buffer.slice((int) from, (int) count));
        }

        @Override
        public void copyPiece(int from, ContiguousElements target, int at, int count) {
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
     * @param bytes the same memory from its position on, for loops that want bytes; null for an array
     */
    record Float32(FloatBuffer buffer, @Nullable ByteBuffer bytes) implements ContiguousElements {
        /** Takes views of its own. */
        public Float32 {
            buffer = buffer.slice();
            bytes = bytes == null ? null : bytes.slice();
        }

        @Override
        public DataType type() {
            return DataType.FLOAT32;
        }

        @Override
        public long count() {
            return buffer.limit();
        }

        @Override
        public Elements slice(long from, long count) {
            Objects.checkFromIndexSize(from, count, count());
            return new Float32(buffer.slice((int) from, (int) count), part(bytes, type(), (int) from, (int) count));
        }

        @Override
        public void copyPiece(int from, ContiguousElements target, int at, int count) {
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
     * @param bytes the same memory from its position on, for loops that want bytes; null for an array
     */
    record Float64(DoubleBuffer buffer, @Nullable ByteBuffer bytes) implements ContiguousElements {
        /** Takes views of its own. */
        public Float64 {
            buffer = buffer.slice();
            bytes = bytes == null ? null : bytes.slice();
        }

        @Override
        public DataType type() {
            return DataType.FLOAT64;
        }

        @Override
        public long count() {
            return buffer.limit();
        }

        @Override
        public Elements slice(long from, long count) {
            Objects.checkFromIndexSize(from, count, count());
            return new Float64(buffer.slice((int) from, (int) count), part(bytes, type(), (int) from, (int) count));
        }

        @Override
        public void copyPiece(int from, ContiguousElements target, int at, int count) {
            if (!(target instanceof Float64 same)) {
                throw mismatch(this, target);
            }
            same.buffer.put(at, buffer, from, count);
        }
    }
}
