// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.shuffle.spark.SparkInternals;
import java.io.IOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.NoSuchElementException;
import java.util.function.UnaryOperator;
import org.apache.spark.TaskContext;
import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.MemoryMode;
import org.apache.spark.serializer.Serializer;
import org.apache.spark.util.MutablePair;
import org.jspecify.annotations.Nullable;
import scala.Product2;
import scala.Tuple2;
import scala.collection.AbstractIterator;
import scala.collection.Iterator;

/**
 * Orders a reduce task's records by key: in memory if they make one run of bounded size, else as sorted runs for
 * Spark's external sorter. That one keeps a pair of partition and key for each record and follows both at every comparison;
 * from runs it merges with a comparison or two a record. Stable, as Spark's sorter is.
 *
 * <p>Threading: the task's thread. A run's memory is asked of the task and kept until the task's input is read. Records that
 * all fit into one run are written to a file when another consumer of the task needs the memory, on any thread; runs on
 * their way to the external sorter stay, because that sorter spills.
 *
 * @param <K> key
 * @param <V> value
 */
final class RunSorter<K, V> extends MemoryConsumer implements AutoCloseable {
    private static final long MAX_RUN_BYTES = 64L << 20;
    private static final long MEMORY_STEP_BYTES = 4L << 20;

    /** Of an array: less if the JVM compresses them. */
    private static final int REFERENCE_BYTES = 8;

    private final TaskContext context;
    private final Iterator<Tuple2<Object, Object>> records;
    private final Serializer serializer;
    private final Comparator<K> order;
    private final SampledSize size = new SampledSize();
    private Object[] run = new Object[2 * 64];
    private int end;
    private volatile @Nullable OnlyRun onlyRun;

    /**
     * Creates a sorter of {@code records}.
     *
     * @param serializer of the records, for what is written to a file
     * @param order of the keys
     */
    RunSorter(
            TaskContext context, Iterator<Tuple2<Object, Object>> records, Serializer serializer, Comparator<K> order) {
        super(context.taskMemoryManager(), MEMORY_STEP_BYTES, MemoryMode.ON_HEAP);
        this.context = context;
        this.records = records;
        this.serializer = serializer;
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
        OnlyRun all = new OnlyRun();
        onlyRun = all;
        return all;
    }

    private void fill() {
        Arrays.fill(run, 0, end, null);
        end = 0;
        size.reset();
        while (reserve(size.bytes() + (long) REFERENCE_BYTES * run.length) && records.hasNext()) {
            if (end == run.length) {
                run = Arrays.copyOf(run, 2 * run.length);
            }
            Tuple2<Object, Object> record = records.next();
            run[end] = record._1();
            run[end + 1] = record._2();
            size.add(record._1(), record._2());
            end += 2;
        }
        SparkInternals.sortPairs(run, end / 2, order);
    }

    /** Returns whether a run may take {@code bytes} and go on; its first record may always come. */
    private boolean reserve(long bytes) {
        long missing = bytes - getUsed();
        if (missing < 0 || end == 0) {
            return true;
        }
        long wanted = Math.max(MEMORY_STEP_BYTES, missing + 1);
        return bytes < MAX_RUN_BYTES && acquireMemory(wanted) == wanted;
    }

    @SuppressWarnings("unchecked")
    private K key(int at) {
        return (K) run[at];
    }

    @SuppressWarnings("unchecked")
    private V value(int at) {
        return (V) run[at + 1];
    }

    /** All there is: in memory until its end, or until another consumer of the task needs the memory. */
    private final class OnlyRun extends AbstractIterator<Product2<K, V>> {
        @GuardedBy("RunSorter.this")
        private int next;

        @GuardedBy("RunSorter.this")
        private @Nullable RunFile<K, V> file;

        @Override
        public boolean hasNext() {
            synchronized (RunSorter.this) {
                if (file != null) {
                    return file.hasNext();
                }
                if (next == end) {
                    giveBack();
                }
                return next < end;
            }
        }

        @Override
        public Product2<K, V> next() {
            synchronized (RunSorter.this) {
                if (!hasNext()) {
                    throw new NoSuchElementException("no more records");
                }
                if (file != null) {
                    return file.next();
                }
                Product2<K, V> pair = new Tuple2<>(key(next), value(next));
                next += 2;
                return pair;
            }
        }

        private long toFile() throws IOException {
            synchronized (RunSorter.this) {
                long held = getUsed();
                if (held == 0 || next == end) {
                    return 0;
                }
                RunFile<K, V> written = RunFile.write(serializer, run, next, end);
                file = written;
                giveBack();
                context.taskMetrics().incMemoryBytesSpilled(held);
                context.taskMetrics().incDiskBytesSpilled(written.sizeBytes());
                return held;
            }
        }

        private void end() {
            synchronized (RunSorter.this) {
                next = 0;
                if (file != null) {
                    file.close();
                }
            }
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

    @Override
    public long spill(long bytes, MemoryConsumer trigger) throws IOException {
        OnlyRun all = onlyRun;
        return all == null || trigger == this ? 0 : all.toFile();
    }

    /** Forgets the records and gives memory and file back. */
    @Override
    public void close() {
        OnlyRun all = onlyRun;
        if (all != null) {
            all.end();
        }
        giveBack();
    }

    private synchronized void giveBack() {
        run = new Object[0];
        end = 0;
        freeMemory(getUsed());
    }
}
