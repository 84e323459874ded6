// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.sparkmooncake.shuffle.read.MooncakeShuffleReader;
import io.sparkmooncake.shuffle.read.MooncakeShuffleReader.PartitionRange;
import io.sparkmooncake.shuffle.spark.KnownInternals;
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
 * one ({@code ShuffleExchangeExec.needToCopyObjectsBeforeShuffle}). Nothing of the parent's writers, readers or files is
 * used, except when the driver's plugin leaves the shuffle to Spark: then the parent does everything.
 *
 * <p>Spark constructs it by reflection, on 3.5 before any plugin runs, so it looks the executor's {@link ShuffleRuntime} and the
 * plugin's decision up when they are needed. The decision is the value of {@link #KEY} in the driver's configuration, which
 * executors are started with: they construct the manager that it names.
 */
public final class MooncakeShuffleManager extends SortShuffleManager {
    /** Spark's key. */
    public static final String KEY = "spark.shuffle.manager";

    /** This class; a constant, so that it can be named where the class cannot be loaded. */
    public static final String NAME = "io.sparkmooncake.shuffle.MooncakeShuffleManager";

    private final SparkConf conf;
    private @Nullable MooncakeBlockResolver resolver;

    /** Called by Spark. */
    public MooncakeShuffleManager(SparkConf conf) {
        super(conf);
        this.conf = conf;
        if (KnownInternals.resolverDifferences(SortShuffleManager.class.getClassLoader())
                .isEmpty()) {
            resolver = new MooncakeBlockResolver(conf);
        }
    }

    private boolean isLeftToSpark() {
        return !conf.get(KEY, NAME).equals(NAME);
    }

    @Override
    public <K, V, C> ShuffleHandle registerShuffle(int shuffleId, ShuffleDependency<K, V, C> dependency) {
        return isLeftToSpark()
                ? super.registerShuffle(shuffleId, dependency)
                : new BaseShuffleHandle<>(shuffleId, dependency);
    }

    @Override
    public <K, V> ShuffleWriter<K, V> getWriter(
            ShuffleHandle handle, long mapId, TaskContext context, ShuffleWriteMetricsReporter metrics) {
        if (isLeftToSpark()) {
            return super.getWriter(handle, mapId, context, metrics);
        }
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
        if (isLeftToSpark()) {
            return super.getReader(handle, startMapIndex, endMapIndex, startPartition, endPartition, context, metrics);
        }
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
        if (isLeftToSpark()) {
            return super.unregisterShuffle(shuffleId);
        }
        ShuffleRuntime.installed().ifPresent(runtime -> runtime.removeShuffle(shuffleId));
        return true;
    }

    @Override
    public IndexShuffleBlockResolver shuffleBlockResolver() {
        return resolver == null || isLeftToSpark() ? super.shuffleBlockResolver() : resolver;
    }
}
