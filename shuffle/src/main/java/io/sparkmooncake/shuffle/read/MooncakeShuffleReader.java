// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.spark.SparkInternals;
import java.util.List;
import org.apache.spark.Aggregator;
import org.apache.spark.InterruptibleIterator;
import org.apache.spark.ShuffleDependency;
import org.apache.spark.TaskContext;
import org.apache.spark.shuffle.ShuffleReadMetricsReporter;
import org.apache.spark.shuffle.ShuffleReader;
import org.apache.spark.storage.BlockId;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.util.CompletionIterator$;
import org.apache.spark.util.TaskCompletionListener;
import scala.Option;
import scala.Product2;
import scala.Tuple2;
import scala.Tuple3;
import scala.collection.Iterator;
import scala.collection.Seq;
import scala.runtime.BoxedUnit;

/**
 * Reads one reduce task's input: fetch, decode, then aggregation and ordering as in Spark's own reader.
 *
 * @param <K> key
 * @param <C> combined value
 */
public final class MooncakeShuffleReader<K, C> implements ShuffleReader<K, C> {
    private final ReadEnvironment environment;
    private final ShuffleDependency<K, ?, C> dependency;
    private final List<PeerBlocks> sources;
    private final TaskContext context;
    private final ShuffleReadMetricsReporter metrics;

    /** Creates a reader of what Spark's map output tracker lists. */
    public MooncakeShuffleReader(
            ReadEnvironment environment,
            ShuffleDependency<K, ?, C> dependency,
            Iterator<Tuple2<BlockManagerId, Seq<Tuple3<BlockId, Object, Object>>>> tracked,
            PartitionRange range,
            TaskContext context,
            ShuffleReadMetricsReporter metrics) {
        this.environment = environment;
        this.dependency = dependency;
        this.sources = PeerBlocks.of(tracked, range.start(), range.end(), PeerBlocks.MAX_BLOCKS);
        this.context = context;
        this.metrics = metrics;
    }

    /**
     * Partitions to read.
     *
     * @param start the first one
     * @param end the one after the last
     */
    public record PartitionRange(int start, int end) {}

    @Override
    public Iterator<Product2<K, C>> read() {
        Fetch fetch = new Fetch(
                environment.lookups(),
                environment.landing(),
                environment.limits(),
                new FetchReport(dependency.shuffleId(), context, environment.counters(), metrics));
        context.addTaskCompletionListener((TaskCompletionListener) done -> fetch.close());
        fetch.start(sources);
        Records records = new Records(fetch, environment.codec(), dependency.serializer(), metrics);
        Iterator<Tuple2<Object, Object>> counted = CompletionIterator$.MODULE$.apply(records, () -> {
            context.taskMetrics().mergeShuffleReadMetrics();
            return BoxedUnit.UNIT;
        });
        Iterator<Product2<K, C>> result = combine(new InterruptibleIterator<Tuple2<Object, Object>>(context, counted));
        return result instanceof InterruptibleIterator
                ? result
                : new InterruptibleIterator<Product2<K, C>>(context, result);
    }

    @SuppressWarnings("unchecked")
    private <V> Iterator<Product2<K, C>> combine(Iterator<Tuple2<Object, Object>> records) {
        Option<Aggregator<K, V, C>> aggregator = (Option<Aggregator<K, V, C>>) (Option<?>) dependency.aggregator();
        boolean combined = dependency.mapSideCombine();
        if (dependency.keyOrdering().isDefined() && aggregator.isEmpty()) {
            RunSorter<K, C> sorter = new RunSorter<>(
                    context,
                    records,
                    dependency.serializer(),
                    dependency.keyOrdering().get());
            context.addTaskCompletionListener((TaskCompletionListener) done -> sorter.close());
            return sorter.sorted(runs -> SparkInternals.<K, C, C>reduceSideSorter(context, Option.empty(), dependency)
                    .insertAllAndUpdateMetrics(runs));
        }
        if (dependency.keyOrdering().isDefined()) {
            Option<Aggregator<K, V, C>> merge =
                    combined ? Option.apply((Aggregator<K, V, C>) mergeOnly(aggregator.get())) : aggregator;
            return SparkInternals.reduceSideSorter(context, merge, dependency)
                    .insertAllAndUpdateMetrics((Iterator<Product2<K, V>>) (Iterator<?>) records);
        }
        if (aggregator.isEmpty()) {
            return (Iterator<Product2<K, C>>) (Iterator<?>) records;
        }
        return (Iterator<Product2<K, C>>) (Iterator<?>)
                (combined
                        ? aggregator
                                .get()
                                .combineCombinersByKey((Iterator<Product2<K, C>>) (Iterator<?>) records, context)
                        : aggregator
                                .get()
                                .combineValuesByKey((Iterator<Product2<K, V>>) (Iterator<?>) records, context));
    }

    /** Values that come combined from the map side are only merged. */
    private static <K, C> Aggregator<K, C, C> mergeOnly(Aggregator<K, ?, C> aggregator) {
        return new Aggregator<>(value -> value, aggregator.mergeCombiners(), aggregator.mergeCombiners());
    }
}
