// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.sparkmooncake.shuffle.read.MooncakeShuffleReader;
import io.sparkmooncake.shuffle.read.MooncakeShuffleReader.PartitionRange;
import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.shuffle.write.SerializedWriter;
import io.sparkmooncake.shuffle.write.SortedWriter;
import io.sparkmooncake.shuffle.write.WriteEnvironment;
import org.apache.spark.ShuffleDependency;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.shuffle.BaseShuffleHandle;
import org.apache.spark.shuffle.IndexShuffleBlockResolver;
import org.apache.spark.shuffle.ShuffleHandle;
import org.apache.spark.shuffle.ShuffleReadMetricsReporter;
import org.apache.spark.shuffle.ShuffleReader;
import org.apache.spark.shuffle.ShuffleWriteMetricsReporter;
import org.apache.spark.shuffle.ShuffleWriter;
import org.apache.spark.shuffle.sort.SortShuffleManager;
import org.jspecify.annotations.Nullable;

/**
 * What {@code spark.shuffle.manager} names. It extends Spark's own manager because Spark SQL copies every row for any other
 * one ({@code ShuffleExchangeExec.needToCopyObjectsBeforeShuffle}); nothing of the parent's writers, readers or files is
 * used.
 *
 * <p>Spark constructs it by reflection, on 3.5 before any plugin runs, so it looks the executor's {@link ShuffleRuntime} up
 * at first use.
 */
public final class MooncakeShuffleManager extends SortShuffleManager {
    private @Nullable MooncakeBlockResolver resolver;

    /** Called by Spark. */
    public MooncakeShuffleManager(SparkConf conf) {
        super(conf);
        if (SparkInternals.resolverCanBeExtended()) {
            resolver = new MooncakeBlockResolver(conf);
        }
    }

    @Override
    public <K, V, C> ShuffleHandle registerShuffle(int shuffleId, ShuffleDependency<K, V, C> dependency) {
        return new BaseShuffleHandle<>(shuffleId, dependency);
    }

    @Override
    public <K, V> ShuffleWriter<K, V> getWriter(
            ShuffleHandle handle, long mapId, TaskContext context, ShuffleWriteMetricsReporter metrics) {
        ShuffleRuntime runtime = ShuffleRuntime.current();
        ShuffleDependency<K, V, ?> dependency = dependency(handle);
        WriteEnvironment environment = runtime.writeEnvironment();
        return canUseSerializedShuffle(dependency)
                ? new SerializedWriter<>(environment, dependency, mapId, runtime.encodings(), context, metrics)
                : new SortedWriter<>(environment, dependency, mapId, runtime.encodings(), context, metrics);
    }

    @Override
    public <K, C> ShuffleReader<K, C> getReader(
            ShuffleHandle handle,
            int startMapIndex,
            int endMapIndex,
            int startPartition,
            int endPartition,
            TaskContext context,
            ShuffleReadMetricsReporter metrics) {
        ShuffleRuntime runtime = ShuffleRuntime.current();
        ShuffleDependency<K, ?, C> dependency = this.<K, Object, C>readDependency(handle);
        var tracked = SparkEnv.get()
                .mapOutputTracker()
                .getMapSizesByExecutorId(handle.shuffleId(), startMapIndex, endMapIndex, startPartition, endPartition);
        return new MooncakeShuffleReader<>(
                runtime.readEnvironment(),
                dependency,
                tracked,
                new PartitionRange(startPartition, endPartition),
                context,
                metrics);
    }

    @SuppressWarnings("unchecked")
    private static <K, V> ShuffleDependency<K, V, ?> dependency(ShuffleHandle handle) {
        return ((BaseShuffleHandle<K, V, ?>) handle).dependency();
    }

    @SuppressWarnings("unchecked")
    private <K, V, C> ShuffleDependency<K, V, C> readDependency(ShuffleHandle handle) {
        return ((BaseShuffleHandle<K, V, C>) handle).dependency();
    }

    @Override
    public boolean unregisterShuffle(int shuffleId) {
        ShuffleRuntime.installed().ifPresent(runtime -> runtime.removeShuffle(shuffleId));
        return true;
    }

    @Override
    public IndexShuffleBlockResolver shuffleBlockResolver() {
        return resolver == null ? super.shuffleBlockResolver() : resolver;
    }
}
