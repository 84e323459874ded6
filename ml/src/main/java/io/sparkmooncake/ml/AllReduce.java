// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;

/**
 * A drop-in for {@code treeAggregate} where the aggregate is an array of doubles: one barrier stage, in which each task folds its
 * partition and all of them reduce among themselves. The driver gets the result once, from rank 0.
 *
 * <p>The partitions are reduced in their order: the same input gives the same bits. {@code zero} must be neutral, as for
 * {@code treeAggregate}; an empty partition contributes it. {@code seqOp} may change and return its first argument, as a lambda of
 * Java or of Scala, and must return arrays of one length on all partitions.
 *
 * <p>All throw {@link IllegalStateException} when the application has fewer slots than there are partitions.
 *
 * <p>Threading: driver; safe from any thread.
 */
public final class AllReduce {
    private AllReduce() {}

    /** Returns the sum of what the partitions were folded to. */
    public static <T> double[] sum(RDD<T> rdd, double[] zero, Function2<double[], T, double[]> seqOp) {
        return reduce(rdd, zero, seqOp, ReduceOp.SUM);
    }

    /** As {@link #sum(RDD, double[], Function2)}, for Java. */
    public static <T> double[] sum(JavaRDD<T> rdd, double[] zero, Function2<double[], T, double[]> seqOp) {
        return reduce(rdd.rdd(), zero, seqOp, ReduceOp.SUM);
    }

    /** As {@link #sum(RDD, double[], Function2)}, of the rows of a Dataset. */
    public static <T> double[] sum(Dataset<T> dataset, double[] zero, Function2<double[], T, double[]> seqOp) {
        return reduce(dataset.rdd(), zero, seqOp, ReduceOp.SUM);
    }

    /** Returns what the partitions were folded to, reduced element by element. */
    public static <T> double[] reduce(RDD<T> rdd, double[] zero, Function2<double[], T, double[]> seqOp, ReduceOp op) {
        List<double[]> results = RankJob.collect(rdd, onRoot(zero, seqOp, op));
        return results.isEmpty() ? zero.clone() : results.get(0);
    }

    /** As {@link #reduce(RDD, double[], Function2, ReduceOp)}, for Java. */
    public static <T> double[] reduce(
            JavaRDD<T> rdd, double[] zero, Function2<double[], T, double[]> seqOp, ReduceOp op) {
        return reduce(rdd.rdd(), zero, seqOp, op);
    }

    /** As {@link #reduce(RDD, double[], Function2, ReduceOp)}, of the rows of a Dataset. */
    public static <T> double[] reduce(
            Dataset<T> dataset, double[] zero, Function2<double[], T, double[]> seqOp, ReduceOp op) {
        return reduce(dataset.rdd(), zero, seqOp, op);
    }

    /**
     * Returns an RDD that has the result once in each of its partitions, where it was reduced: what is mapped from it runs in the
     * same stage, and the driver need not send it anywhere. Lazy, as every transformation.
     */
    public static <T> RDD<double[]> onEveryPartition(
            RDD<T> rdd, double[] zero, Function2<double[], T, double[]> seqOp, ReduceOp op) {
        Zero start = Zero.of(zero);
        return Communicators.mapPartitions(
                rdd,
                (communicator, partition) -> Collections.singletonList(
                                reduced(communicator, fold(start, seqOp, partition), op))
                        .iterator());
    }

    /** As {@link #onEveryPartition(RDD, double[], Function2, ReduceOp)}, for Java. */
    public static <T> JavaRDD<double[]> onEveryPartition(
            JavaRDD<T> rdd, double[] zero, Function2<double[], T, double[]> seqOp, ReduceOp op) {
        return onEveryPartition(rdd.rdd(), zero, seqOp, op).toJavaRDD();
    }

    private static <T> RankFunction<T, double[]> onRoot(
            double[] zero, Function2<double[], T, double[]> seqOp, ReduceOp op) {
        Zero start = Zero.of(zero);
        return (communicator, partition) -> {
            double[] result = reduced(communicator, fold(start, seqOp, partition), op);
            return communicator.membership().rank() == 0
                    ? Collections.singletonList(result).iterator()
                    : Collections.emptyIterator();
        };
    }

    private static <T> double[] fold(Zero start, Function2<double[], T, double[]> seqOp, Iterator<T> partition)
            throws Exception {
        double[] aggregate = start.toArray();
        while (partition.hasNext()) {
            aggregate = seqOp.call(aggregate, partition.next());
        }
        return aggregate;
    }

    private static double[] reduced(Communicator communicator, double[] aggregate, ReduceOp op) throws Exception {
        Elements elements = Elements.of(aggregate);
        communicator.allReduce(elements, elements, op);
        return aggregate;
    }
}
