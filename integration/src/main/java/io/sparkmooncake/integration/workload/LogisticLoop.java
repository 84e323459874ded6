// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import io.sparkmooncake.integration.example.LogisticRegression;
import java.util.concurrent.TimeoutException;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.classification.LogisticRegressionModel;
import org.apache.spark.ml.feature.LabeledPoint;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.CollectionAccumulator;

/** Logistic regression from weights of zero, without intercept. Spark ML evaluates a gradient per job, ours one per iteration. */
final class LogisticLoop implements MlLoop {
    private static final double LAMBDA = 0.001;
    private static final int NON_ZERO = 50;

    private final SparkSession spark;
    private final String name;
    private final JavaRDD<LabeledPoint> rows;
    private final int features;
    private final int iterations;
    private final JobTimes jobs = new JobTimes("RDDLossFunction");

    LogisticLoop(SparkSession spark, Arguments arguments, boolean sparse) {
        this.spark = spark;
        JavaSparkContext sc = new JavaSparkContext(spark.sparkContext());
        long count = arguments.number("rows", 10_000);
        this.features = arguments.count("features", 1000);
        this.iterations = arguments.count("iterations", 15);
        this.rows = sparse
                ? MlData.sparse(sc, count, features, NON_ZERO)
                : MlData.dense(sc, count, features, arguments.count("tasks", 2));
        this.name = (sparse ? "sparse " : "") + "logistic regression d=" + features + " rows=" + count;
        spark.sparkContext().addSparkListener(jobs);
    }

    @Override
    public MlRun ours(int round) {
        CollectionAccumulator<double[]> times = spark.sparkContext().collectionAccumulator();
        double[] weights = LogisticRegression.train(rows, features, LAMBDA, iterations, new IterationTimes(times));
        if (weights.length != features) {
            throw new IllegalStateException("weights=" + weights.length);
        }
        return MlLoop.ourRun(name, round, times);
    }

    @Override
    public MlRun sparkMl(int round) throws TimeoutException {
        StructType schema =
                new StructType().add("label", DataTypes.DoubleType).add("features", SQLDataTypes.VectorType());
        Dataset<Row> table =
                spark.createDataFrame(rows.map(row -> RowFactory.create(row.label(), row.features())), schema);
        LogisticRegressionModel model = new org.apache.spark.ml.classification.LogisticRegression()
                .setRegParam(LAMBDA)
                .setFitIntercept(false)
                .setStandardization(false)
                .setTol(0)
                .setMaxIter(iterations)
                .fit(table);
        double[] losses = model.summary().objectiveHistory();
        return MlLoop.sparkMlRun(name, round, spark, jobs, losses[losses.length - 1]);
    }
}
