// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.spark.BlockCodec;
import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.shuffle.spark.UnsafeRows;
import io.sparkmooncake.shuffle.store.Encoding;
import java.io.IOException;
import java.util.NoSuchElementException;
import org.apache.spark.serializer.Serializer;
import org.apache.spark.serializer.SerializerInstance;
import org.apache.spark.shuffle.ShuffleReadMetricsReporter;
import org.jspecify.annotations.Nullable;
import scala.Tuple2;
import scala.collection.AbstractIterator;
import scala.collection.Iterator;

/**
 * Decodes blocks into key-value pairs. Blocks are joined into one stream if the serializer's records can be moved and the
 * codec allows it, so that a thousand tiny blocks cost one decoder.
 *
 * <p>Threading: the task's thread.
 */
final class Records extends AbstractIterator<Tuple2<Object, Object>> {
    private final Fetch fetch;
    private final BlockCodec codec;
    private final ShuffleReadMetricsReporter metrics;
    private final Serializer serializer;
    private final SerializerInstance instance;
    private final boolean relocatable;
    private final boolean rows;
    private Iterator<Tuple2<Object, Object>> inner = scala.collection.Iterator$.MODULE$.empty();
    private @Nullable BlockStream stream;

    Records(Fetch fetch, BlockCodec codec, Serializer serializer, ShuffleReadMetricsReporter metrics) {
        this.fetch = fetch;
        this.codec = codec;
        this.metrics = metrics;
        this.serializer = serializer;
        this.instance = serializer.newInstance();
        this.relocatable = serializer.supportsRelocationOfSerializedObjects();
        this.rows = UnsafeRows.areWrittenBy(serializer);
    }

    @Override
    public boolean hasNext() {
        while (!inner.hasNext()) {
            if (stream != null) {
                stream.drain();
                stream = null;
            }
            Group next = fetch.peek();
            if (next == null) {
                return false;
            }
            open(next);
        }
        return true;
    }

    @Override
    public Tuple2<Object, Object> next() {
        if (!hasNext()) {
            throw new NoSuchElementException("no more shuffle records");
        }
        metrics.incRecordsRead(1);
        return inner.next();
    }

    private void open(Group first) {
        Encoding encoding = first.table().encoding(first.row());
        boolean joined = relocatable && codec.isConcatenable(encoding);
        BlockStream opened = new BlockStream(fetch, first, joined);
        stream = opened;
        if (rows && codec.isIdentity(encoding)) {
            inner = UnsafeRows.read(serializer, new RowBytes(opened));
        } else {
            inner = instance.deserializeStream(codec.decode(opened, encoding)).asKeyValueIterator();
        }
    }

    /** Feeds Spark SQL's rows straight from the blocks. */
    private record RowBytes(BlockStream stream) implements UnsafeRows.Source {
        @Override
        public int nextSize() {
            if (!stream.hasMore()) {
                return END;
            }
            try {
                int size = stream.readInt();
                if (size < 0) {
                    throw new IOException(stream.describe() + " is damaged: it has a row of size=" + size);
                }
                return size;
            } catch (IOException e) {
                throw SparkInternals.sneaky(e);
            }
        }

        @Override
        public void read(byte[] target, int length) {
            try {
                stream.readFully(target, length);
            } catch (IOException e) {
                throw SparkInternals.sneaky(e);
            }
        }
    }
}
