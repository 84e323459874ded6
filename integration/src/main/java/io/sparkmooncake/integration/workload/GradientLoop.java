// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.integration.example.Progress;
import io.sparkmooncake.ml.Communicators;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeoutException;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.CollectionAccumulator;
import org.jspecify.annotations.Nullable;

/** A wide vector summed over the tasks and known to all of them again: treeAggregate and broadcast, or an all-reduce. */
final class GradientLoop implements MlLoop {
    private final SparkSession spark;
    private final JavaSparkContext sc;
    private final String name;
    private final JavaRDD<Integer> ranks;
    private final int width;
    private final int iterations;
    private final JobTimes jobs = new JobTimes("treeAggregate");

    GradientLoop(SparkSession spark, Arguments arguments) {
        this.spark = spark;
        this.sc = new JavaSparkContext(spark.sparkContext());
        int tasks = arguments.count("tasks", 2);
        this.width = arguments.count("features", 1 << 20);
        this.iterations = arguments.count("iterations", 30);
        List<Integer> numbers = new ArrayList<>();
        for (int rank = 0; rank < tasks; rank++) {
            numbers.add(rank);
        }
        this.ranks = sc.parallelize(numbers, tasks);
        this.name = "sum of " + ((8L * width) >> 20) + " MiB over tasks=" + tasks;
        spark.sparkContext().addSparkListener(jobs);
    }

    /** Made where it is first added to, as Spark ML's aggregators are: it does not travel empty. */
    private static final class Sum implements Serializable {
        private static final long serialVersionUID = 1;
        private double @Nullable [] values;

        Sum add(double[] model, int rank) {
            double[] own = values == null ? new double[model.length] : values;
            for (int i = 0; i < own.length; i++) {
                own[i] += 0.5 * model[i] + rank;
            }
            values = own;
            return this;
        }

        Sum plus(Sum other) {
            double[] own = values;
            double[] others = other.values;
            if (own == null || others == null) {
                return own == null ? other : this;
            }
            for (int i = 0; i < own.length; i++) {
                own[i] += others[i];
            }
            return this;
        }
    }

    @Override
    public MlRun ours(int round) {
        CollectionAccumulator<double[]> times = spark.sparkContext().collectionAccumulator();
        IterationTimes progress = new IterationTimes(times);
        int elements = width;
        int loops = iterations;
        List<Double> last = Communicators.mapPartitions(ranks, (communicator, partition) -> {
                    double[] model = new double[elements];
                    double[] sum = new double[elements];
                    Elements all = Elements.of(sum);
                    int rank = partition.next();
                    Progress told = progress;
                    told.loaded(communicator);
                    for (int iteration = 1; iteration <= loops; iteration++) {
                        for (int i = 0; i < elements; i++) {
                            sum[i] = 0.5 * model[i] + rank;
                        }
                        told.computed();
                        communicator.allReduce(all, all, ReduceOp.SUM);
                        told.reduced();
                        System.arraycopy(sum, 0, model, 0, elements);
                        told.iterated(iteration, model[elements - 1]);
                    }
                    told.ended();
                    return Collections.singletonList(model[elements - 1]).iterator();
                })
                .collect();
        if (last.stream().distinct().count() != 1) {
            throw new IllegalStateException("ranks differ: " + last);
        }
        return MlLoop.ourRun(name, round, times);
    }

    @Override
    public MlRun sparkMl(int round) throws TimeoutException {
        double[] model = new double[width];
        for (int iteration = 0; iteration < iterations; iteration++) {
            Broadcast<double[]> known = sc.broadcast(model);
            Sum sum = ranks.treeAggregate(
                    new Sum(), (into, rank) -> into.add(known.value(), rank), (a, b) -> a.plus(b), 2);
            model = sum.values == null ? model : sum.values;
            known.destroy();
        }
        return MlLoop.sparkMlRun(name, round, spark, jobs, model[width - 1]);
    }
}
