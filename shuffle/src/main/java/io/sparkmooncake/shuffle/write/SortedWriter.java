// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.spark.RowChecksums;
import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.shuffle.store.Encoding;
import java.io.IOException;
import org.apache.spark.ShuffleDependency;
import org.apache.spark.TaskContext;
import org.apache.spark.scheduler.MapStatus;
import org.apache.spark.serializer.SerializationStream;
import org.apache.spark.serializer.SerializerInstance;
import org.apache.spark.shuffle.ShuffleWriteMetricsReporter;
import org.apache.spark.shuffle.ShuffleWriter;
import org.apache.spark.util.collection.ExternalSorter;
import scala.Option;
import scala.Product2;
import scala.Tuple2;
import scala.collection.Iterator;
import scala.reflect.ClassTag;

/**
 * Writes a map output through Spark's ExternalSorter: the way of map-side combine, and of serializers whose records cannot
 * be moved. The sorter spills to local files as it does in stock Spark; its merged output streams into parts.
 *
 * @param <K> key
 * @param <V> value
 */
public final class SortedWriter<K, V> extends ShuffleWriter<K, V> {
    private final WriteEnvironment environment;
    private final ShuffleDependency<K, V, ?> dependency;
    private final Encodings encodings;
    private final TaskContext context;
    private final ShuffleWriteMetricsReporter metrics;
    private final OutputCommit commit;

    /** Creates a writer for one map attempt. */
    public SortedWriter(
            WriteEnvironment environment,
            ShuffleDependency<K, V, ?> dependency,
            long mapId,
            Encodings encodings,
            TaskContext context,
            ShuffleWriteMetricsReporter metrics) {
        this.environment = environment;
        this.dependency = dependency;
        this.encodings = encodings;
        this.context = context;
        this.metrics = metrics;
        this.commit = new OutputCommit(
                environment.store(),
                dependency.shuffleId(),
                mapId,
                dependency.partitioner().numPartitions());
    }

    @Override
    public void write(Iterator<Product2<K, V>> records) throws IOException {
        RowChecksums checksums = SparkInternals.rowChecksums(dependency);
        ExternalSorter<K, V, ?> sorter = SparkInternals.mapSideSorter(context, dependency);
        MapOutputBuilder output = new MapOutputBuilder(environment, encodings);
        PartStream stream = new PartStream(environment, PartSink.Place.MEMORY, PartStream.FIRST_PART_BYTES);
        try {
            sorter.insertAll(records);
            writePartitions(sorter, stream);
            output.addParts(stream.finish());
            commit.commit(output, metrics, checksums.value());
            context.taskMetrics().incMemoryBytesSpilled(sorter.memoryBytesSpilled());
            context.taskMetrics().incDiskBytesSpilled(sorter.diskBytesSpilled());
            context.taskMetrics().incPeakExecutionMemory(sorter.peakMemoryUsedBytes());
        } finally {
            output.abort();
            stream.abort();
            sorter.stop();
        }
    }

    private <C> void writePartitions(ExternalSorter<K, V, C> sorter, PartStream stream) throws IOException {
        ClassTag<Object> any = SparkInternals.anyTag();
        SerializerInstance serializer = dependency.serializer().newInstance();
        Iterator<Tuple2<Object, Iterator<Product2<K, C>>>> partitions = sorter.partitionedIterator();
        while (partitions.hasNext()) {
            Tuple2<Object, Iterator<Product2<K, C>>> partition = partitions.next();
            Iterator<Product2<K, C>> records = partition._2();
            if (!records.hasNext()) {
                continue;
            }
            long start = System.nanoTime();
            Encoding encoding = encodings.at(stream.place());
            stream.begin((Integer) partition._1(), encoding);
            long count = 0;
            try (SerializationStream out =
                    serializer.serializeStream(environment.codec().encode(stream, encoding))) {
                while (records.hasNext()) {
                    Product2<K, C> entry = records.next();
                    out.writeKey(entry._1(), any);
                    out.writeValue(entry._2(), any);
                    count++;
                }
            }
            metrics.incRecordsWritten(count);
            metrics.incWriteTime(System.nanoTime() - start);
        }
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
