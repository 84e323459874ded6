// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.spark.RowChecksums;
import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.shuffle.spark.UnsafeRows;
import java.io.IOException;
import org.apache.spark.Partitioner;
import org.apache.spark.ShuffleDependency;
import org.apache.spark.TaskContext;
import org.apache.spark.scheduler.MapStatus;
import org.apache.spark.serializer.SerializationStream;
import org.apache.spark.shuffle.ShuffleWriteMetricsReporter;
import org.apache.spark.shuffle.ShuffleWriter;
import scala.Option;
import scala.Product2;
import scala.collection.Iterator;
import scala.reflect.ClassTag;

/**
 * Writes a map output whose serialized records can be moved (UnsafeRow, Kryo) and are not combined on the map side. Each
 * record is serialized before the next one is pulled, so callers may reuse their record objects.
 *
 * <p>Bytes: serialization writes each record once into the log; the scatter reads it there and writes it once to its place;
 * checksums read it once more. Memory: at most {@code spark.mooncake.shuffle.write.buffer} and one record, of Spark's task
 * memory, plus the output itself.
 *
 * @param <K> key
 * @param <V> value
 */
public final class SerializedWriter<K, V> extends ShuffleWriter<K, V> {
    private final WriteEnvironment environment;
    private final ShuffleDependency<K, V, ?> dependency;
    private final TaskContext context;
    private final ShuffleWriteMetricsReporter metrics;
    private final OutputCommit commit;
    private final MapOutputBuilder output;
    private final RecordLog log;
    private long records;

    /** Creates a writer for one map attempt. */
    public SerializedWriter(
            WriteEnvironment environment,
            ShuffleDependency<K, V, ?> dependency,
            long mapId,
            Encodings encodings,
            TaskContext context,
            ShuffleWriteMetricsReporter metrics) {
        int partitions = dependency.partitioner().numPartitions();
        this.environment = environment;
        this.dependency = dependency;
        this.context = context;
        this.metrics = metrics;
        this.commit = new OutputCommit(environment.store(), dependency.shuffleId(), mapId, partitions);
        this.output = new MapOutputBuilder(environment, encodings);
        this.log = new RecordLog(context.taskMemoryManager(), partitions, this::layOut);
    }

    @Override
    public void write(Iterator<Product2<K, V>> input) throws IOException {
        RowChecksums checksums = SparkInternals.rowChecksums(dependency);
        try {
            append(input, checksums);
            log.drain();
            commit.commit(output, metrics, checksums.value());
        } finally {
            context.taskMetrics().incPeakExecutionMemory(log.peakBytes());
            context.taskMetrics().incMemoryBytesSpilled(log.spilledBytes());
            log.free();
            output.abort();
        }
        metrics.incRecordsWritten(records);
    }

    private void append(Iterator<Product2<K, V>> input, RowChecksums checksums) throws IOException {
        Partitioner partitioner = dependency.partitioner();
        RecordEncoder<K, V> encoder = encoder();
        long bufferBytes = environment.bufferBytes();
        boolean checksummed = checksums.isPresent();
        while (input.hasNext()) {
            Product2<K, V> entry = input.next();
            K key = entry._1();
            V value = entry._2();
            int partition = partitioner.getPartition(key);
            if (checksummed) {
                checksums.update(partition, key, value);
            }
            log.begin(partition);
            encoder.append(key, value);
            log.end();
            records++;
            if (log.bytes() >= bufferBytes) {
                log.drain();
            }
        }
    }

    private RecordEncoder<K, V> encoder() {
        if (UnsafeRows.areWrittenBy(dependency.serializer())) {
            UnsafeRows.Sizes sizes = UnsafeRows.sizes(dependency.serializer());
            return (key, value) -> {
                int size = UnsafeRows.sizeBytes(value);
                sizes.add(size);
                log.appendInt(size);
                log.append(UnsafeRows.base(value), UnsafeRows.offset(value), size);
            };
        }
        ClassTag<Object> any = SparkInternals.anyTag();
        SerializationStream stream = dependency.serializer().newInstance().serializeStream(log.stream());
        return (key, value) -> {
            stream.writeKey(key, any);
            stream.writeValue(value, any);
            stream.flush();
        };
    }

    private void layOut(RecordLog full) throws IOException {
        long start = System.nanoTime();
        output.addRun(full);
        metrics.incWriteTime(System.nanoTime() - start);
    }

    @Override
    public Option<MapStatus> stop(boolean success) {
        return commit.stop(success);
    }

    @Override
    public long[] getPartitionLengths() {
        return commit.partitionLengths();
    }
}
