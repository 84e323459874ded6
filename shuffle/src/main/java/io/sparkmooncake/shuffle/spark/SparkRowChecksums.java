// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.spark;

import org.apache.spark.ShuffleDependency;
import org.apache.spark.TaskContext;
import org.apache.spark.serializer.Serializer;
import org.apache.spark.shuffle.checksum.RowBasedChecksum;
import org.apache.spark.util.collection.ExternalSorter;
import org.jspecify.annotations.Nullable;
import scala.Option;

/** What only Spark from 4.1 on has; loaded only there. */
final class SparkRowChecksums implements RowChecksums {
    private final RowBasedChecksum[] checksums;

    private SparkRowChecksums(RowBasedChecksum[] checksums) {
        this.checksums = checksums;
    }

    static RowChecksums of(ShuffleDependency<?, ?, ?> dependency) {
        RowBasedChecksum[] checksums = dependency.rowBasedChecksums();
        return checksums.length == 0 ? NONE : new SparkRowChecksums(checksums);
    }

    static Object arrayOf(ShuffleDependency<?, ?, ?> dependency) {
        return dependency.rowBasedChecksums();
    }

    static Object none() {
        return new RowBasedChecksum[0];
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    static ExternalSorter<?, ?, ?> newSorter(
            TaskContext context,
            Option<?> aggregator,
            Option<?> partitioner,
            Option<?> ordering,
            Serializer serializer,
            Object checksums) {
        return new ExternalSorter(
                context, (Option) aggregator, (Option) partitioner, (Option) ordering, serializer, (RowBasedChecksum[])
                        checksums);
    }

    @Override
    public boolean isPresent() {
        return true;
    }

    @Override
    public void update(int partition, @Nullable Object key, @Nullable Object value) {
        checksums[partition].update(key, value);
    }

    @Override
    public long value() {
        return RowBasedChecksum.getAggregatedChecksumValue(checksums);
    }
}
