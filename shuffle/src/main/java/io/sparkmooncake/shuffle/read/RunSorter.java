// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.spark.SparkInternals;
import java.util.Arrays;
import java.util.Comparator;
import java.util.NoSuchElementException;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;
import org.apache.spark.TaskContext;
import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.MemoryMode;
import org.apache.spark.util.MutablePair;
import scala.Product2;
import scala.Tuple2;
import scala.collection.AbstractIterator;
import scala.collection.Iterator;

/**
 * Orders a reduce task's records by key: in memory, where they make one run of bounded size, and else as sorted runs for
 * Spark's external sorter. That one keeps a pair of partition and key for each record, follows both at every comparison, and
 * walks the records again and again to learn their size; from runs it merges with a comparison or two a record. Stable, as
 * Spark's sorter is.
 *
 * <p>Threading: the task's thread. A run's memory is asked of the task and kept until the task's input is read.
 *
 * @param <K> key
 * @param <V> value
 */
final class RunSorter<K, V> extends MemoryConsumer implements AutoCloseable {
    private static final long MAX_RUN_BYTES = 64L << 20;
    private static final long MEMORY_STEP_BYTES = 4L << 20;

    /** What a record takes on the heap: its objects' headers and the two references here, and twice its serialized bytes. */
    private static final long RECORD_BYTES = 96;

    private final TaskContext context;
    private final Iterator<Tuple2<Object, Object>> records;
    private final LongSupplier bytesRead;
    private final Comparator<K> order;
    private Object[] run = new Object[2 * 1024];
    private int end;

    /**
     * Creates a sorter of {@code records}.
     *
     * @param bytesRead how many serialized bytes of them have been read so far
     * @param order of the keys
     */
    RunSorter(
            TaskContext context,
            Iterator<Tuple2<Object, Object>> records,
            LongSupplier bytesRead,
            Comparator<K> order) {
        super(context.taskMemoryManager(), MEMORY_STEP_BYTES, MemoryMode.ON_HEAP);
        this.context = context;
        this.records = records;
        this.bytesRead = bytesRead;
        this.order = order;
    }

    /** Reads all records and returns them in order; {@code external} sorts what does not fit. */
    Iterator<Product2<K, V>> sorted(UnaryOperator<Iterator<Product2<K, V>>> external) {
        fill();
        if (records.hasNext()) {
            Iterator<Product2<K, V>> result = external.apply(new Runs());
            close();
            return result;
        }
        context.taskMetrics().incPeakExecutionMemory(getUsed());
        return new OnlyRun();
    }

    private void fill() {
        end = 0;
        long start = bytesRead.getAsLong();
        while (reserve(2 * (bytesRead.getAsLong() - start) + RECORD_BYTES * (end / 2)) && records.hasNext()) {
            if (end == run.length) {
                run = Arrays.copyOf(run, 2 * run.length);
            }
            Tuple2<Object, Object> record = records.next();
            run[end] = record._1();
            run[end + 1] = record._2();
            end += 2;
        }
        SparkInternals.sortPairs(run, end / 2, order);
    }

    /** Tells whether a run may take {@code bytes} and go on; its first record may always come. */
    private boolean reserve(long bytes) {
        if (bytes < getUsed() || end == 0) {
            return true;
        }
        return bytes < MAX_RUN_BYTES && acquireMemory(MEMORY_STEP_BYTES) == MEMORY_STEP_BYTES && bytes < getUsed();
    }

    @SuppressWarnings("unchecked")
    private K key(int at) {
        return (K) run[at];
    }

    @SuppressWarnings("unchecked")
    private V value(int at) {
        return (V) run[at + 1];
    }

    /** All there is, and nobody else holds it. */
    private final class OnlyRun extends AbstractIterator<Product2<K, V>> {
        private int next;

        @Override
        public boolean hasNext() {
            if (next == end) {
                close();
            }
            return next < end;
        }

        @Override
        public Product2<K, V> next() {
            if (!hasNext()) {
                throw new NoSuchElementException("no more records");
            }
            Product2<K, V> pair = new Tuple2<>(key(next), value(next));
            next += 2;
            return pair;
        }
    }

    /** Run after run, for a sorter that takes key and value out of each pair at once. */
    private final class Runs extends AbstractIterator<Product2<K, V>> {
        private final MutablePair<K, V> pair = new MutablePair<>();
        private int next;

        @Override
        public boolean hasNext() {
            if (next == end) {
                next = 0;
                fill();
            }
            return next < end;
        }

        @Override
        public Product2<K, V> next() {
            if (!hasNext()) {
                throw new NoSuchElementException("no more records");
            }
            Product2<K, V> current = pair.update(key(next), value(next));
            next += 2;
            return current;
        }
    }

    /** Others of the task spill first: a run is small, and is gone when its records have been handed on. */
    @Override
    public long spill(long bytes, MemoryConsumer trigger) {
        return 0;
    }

    /** Forgets the records and gives the memory back. */
    @Override
    public void close() {
        run = new Object[0];
        end = 0;
        freeMemory(getUsed());
    }
}
