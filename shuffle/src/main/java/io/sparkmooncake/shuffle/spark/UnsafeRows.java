// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.spark;

import java.lang.reflect.Field;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.apache.spark.serializer.Serializer;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.execution.metric.SQLMetric;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;
import scala.Tuple2;
import scala.collection.AbstractIterator;
import scala.collection.Iterator;

/**
 * Spark SQL's rows as bytes. {@code UnsafeRowSerializer} writes a row as {@code i32 size, most significant byte first | bytes}
 * through three buffered streams; this is the same format without the streams. The serializer also counts row sizes in a
 * metric that only it holds, so a serializer whose metric cannot be read is left alone.
 */
public final class UnsafeRows {
    private static final String SERIALIZER = "org.apache.spark.sql.execution.UnsafeRowSerializer";

    private UnsafeRows() {}

    /** Tells whether a serializer writes rows in this format, and its metric is known. */
    public static boolean areWrittenBy(Serializer serializer) {
        return serializer.getClass().getName().equals(SERIALIZER)
                && metricField(serializer).isPresent();
    }

    /** Returns the row-size metric of a serializer that {@link #areWrittenBy} accepted. */
    public static Sizes sizes(Serializer serializer) {
        try {
            return new Sizes((SQLMetric) metricField(serializer).orElseThrow().get(serializer));
        } catch (IllegalAccessException e) {
            throw new IllegalStateException("the row-size metric of " + SERIALIZER + " is not readable", e);
        }
    }

    private static Optional<Field> metricField(Serializer serializer) {
        try {
            Field field = serializer.getClass().getDeclaredField("dataSize");
            return field.getType() == SQLMetric.class && field.trySetAccessible()
                    ? Optional.of(field)
                    : Optional.empty();
        } catch (NoSuchFieldException e) {
            return Optional.empty();
        }
    }

    /** Returns the bytes of a row. */
    public static int sizeBytes(@Nullable Object row) {
        return row(row).getSizeInBytes();
    }

    /** Returns the object that holds the row's bytes; null where they are outside the heap. */
    public static @Nullable Object base(@Nullable Object row) {
        return row(row).getBaseObject();
    }

    /** Returns where in {@link #base} the bytes begin. */
    public static long offset(@Nullable Object row) {
        return row(row).getBaseOffset();
    }

    private static UnsafeRow row(@Nullable Object row) {
        if (row instanceof UnsafeRow unsafe) {
            return unsafe;
        }
        throw new IllegalArgumentException("a SQL shuffle carries UnsafeRow, not " + row);
    }

    /** Where encoded rows come from. */
    public interface Source {
        /** What {@link #nextSize} returns behind the last row. */
        int END = -1;

        /** Returns the size of the next row in bytes; {@link #END} at the end of the bytes, and never for a size that is stored there. */
        int nextSize();

        /** Fills the first {@code length} bytes of {@code target} with the row. */
        void read(byte[] target, int length);
    }

    /**
     * Decodes rows. As with Spark's own serializer, every row is the same object over the same buffer: a consumer that keeps
     * a row copies it.
     */
    public static Iterator<Tuple2<Object, Object>> read(Serializer serializer, Source source) {
        return new RowIterator(numFields(serializer), source);
    }

    private static int numFields(Serializer serializer) {
        try {
            Field field = serializer.getClass().getDeclaredField("numFields");
            field.setAccessible(true);
            return field.getInt(serializer);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("the number of fields of " + SERIALIZER + " is not readable", e);
        }
    }

    private static final class RowIterator extends AbstractIterator<Tuple2<Object, Object>> {
        private final Source source;
        private final UnsafeRow row;
        private final Tuple2<Object, Object> pair;
        private byte[] buffer = new byte[1024];
        private int nextSize;

        RowIterator(int numFields, Source source) {
            this.source = source;
            this.row = new UnsafeRow(numFields);
            this.pair = new Tuple2<>(0, row);
            this.nextSize = source.nextSize();
        }

        @Override
        public boolean hasNext() {
            return nextSize != Source.END;
        }

        @Override
        public Tuple2<Object, Object> next() {
            int size = nextSize;
            if (size == Source.END) {
                throw new NoSuchElementException("no more rows");
            }
            if (size > buffer.length) {
                buffer = new byte[Math.max(size, Math.min(buffer.length * 2, 1 << 30))];
            }
            source.read(buffer, size);
            row.pointTo(buffer, Platform.BYTE_ARRAY_OFFSET, size);
            nextSize = source.nextSize();
            return pair;
        }
    }

    /** Counts row sizes for the SQL tab, as the serializer would. */
    public static final class Sizes {
        private final @Nullable SQLMetric metric;

        private Sizes(@Nullable SQLMetric metric) {
            this.metric = metric;
        }

        /** Adds a row's size in bytes. */
        public void add(int bytes) {
            if (metric != null) {
                metric.add(bytes);
            }
        }
    }
}
