// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.spark.SparkInternals;
import java.io.BufferedInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import org.apache.spark.SparkEnv;
import org.apache.spark.executor.ShuffleWriteMetrics;
import org.apache.spark.serializer.DeserializationStream;
import org.apache.spark.serializer.Serializer;
import org.apache.spark.storage.BlockManager;
import org.apache.spark.storage.DiskBlockObjectWriter;
import org.apache.spark.storage.TempLocalBlockId;
import org.jspecify.annotations.Nullable;
import scala.Product2;
import scala.Tuple2;
import scala.collection.Iterator;
import scala.collection.Iterator$;

/**
 * Sorted records in a file of Spark's local directories, compressed and encrypted as Spark does with what it spills. Read once,
 * then deleted.
 *
 * <p>Threading: one thread at a time; the caller locks.
 *
 * @param <K> key
 * @param <V> value
 */
final class RunFile<K, V> implements AutoCloseable {
    private static final int BUFFER_BYTES = 32 << 10;

    private final Serializer serializer;
    private final TempLocalBlockId id;
    private final File file;
    private @Nullable DeserializationStream stream;
    private @Nullable Iterator<Tuple2<Object, Object>> records;

    private RunFile(Serializer serializer, TempLocalBlockId id, File file) {
        this.serializer = serializer;
        this.id = id;
        this.file = file;
    }

    /** Writes the pairs of key and value that stand in {@code pairs} from {@code start} to {@code end}. */
    static <K, V> RunFile<K, V> write(Serializer serializer, Object[] pairs, int start, int end) throws IOException {
        BlockManager blocks = SparkEnv.get().blockManager();
        Tuple2<TempLocalBlockId, File> place = blocks.diskBlockManager().createTempLocalBlock();
        DiskBlockObjectWriter writer = blocks.getDiskWriter(
                place._1(), place._2(), serializer.newInstance(), BUFFER_BYTES, new ShuffleWriteMetrics());
        boolean written = false;
        try {
            for (int at = start; at < end; at += 2) {
                writer.write(pairs[at], pairs[at + 1]);
            }
            var unused = writer.commitAndGet();
            written = true;
        } finally {
            if (written) {
                writer.close();
            } else {
                writer.closeAndDelete();
            }
        }
        return new RunFile<>(serializer, place._1(), place._2());
    }

    long sizeBytes() {
        return file.length();
    }

    boolean hasNext() {
        boolean more = records().hasNext();
        if (!more) {
            close();
        }
        return more;
    }

    @SuppressWarnings("unchecked")
    Product2<K, V> next() {
        return (Product2<K, V>) (Product2<?, ?>) records().next();
    }

    /** Opened on the task's thread, whose class loader knows the records' classes. */
    private Iterator<Tuple2<Object, Object>> records() {
        if (records == null) {
            try {
                InputStream bytes = new BufferedInputStream(new FileInputStream(file), BUFFER_BYTES);
                DeserializationStream opened = serializer
                        .newInstance()
                        .deserializeStream(SparkEnv.get().serializerManager().wrapStream(id, bytes));
                stream = opened;
                records = opened.asKeyValueIterator();
            } catch (IOException e) {
                throw SparkInternals.sneaky(e);
            }
        }
        return records;
    }

    @Override
    public void close() {
        records = Iterator$.MODULE$.empty();
        if (stream != null) {
            stream.close();
            stream = null;
        }
        try {
            Files.deleteIfExists(file.toPath());
        } catch (IOException e) {
            throw SparkInternals.sneaky(e);
        }
    }
}
