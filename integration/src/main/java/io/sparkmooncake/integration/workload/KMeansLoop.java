// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import io.sparkmooncake.integration.example.KMeans;
import java.util.Arrays;
import java.util.concurrent.TimeoutException;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.mllib.clustering.KMeansModel;
import org.apache.spark.mllib.linalg.Vectors;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.CollectionAccumulator;

/** K-means from the same centers on both sides; Spark's is the one that Spark ML calls, because only it takes centers. */
final class KMeansLoop implements MlLoop {
    private final SparkSession spark;
    private final String name;
    private final JavaRDD<Vector> points;
    private final double[][] start;
    private final int iterations;
    private final JobTimes jobs = new JobTimes("KMeans.scala");

    KMeansLoop(SparkSession spark, Arguments arguments) {
        this.spark = spark;
        long rows = arguments.number("rows", 50_000);
        int features = arguments.count("features", 64);
        int clusters = arguments.count("clusters", 50);
        this.points = MlData.points(new JavaSparkContext(spark.sparkContext()), rows, features, clusters);
        this.start = MlData.start(clusters, features, clusters);
        this.iterations = arguments.count("iterations", 15);
        this.name = "k-means k=" + clusters + " d=" + features + " rows=" + rows;
        spark.sparkContext().addSparkListener(jobs);
    }

    @Override
    public MlRun ours(int round) {
        CollectionAccumulator<double[]> times = spark.sparkContext().collectionAccumulator();
        double[][] centers = KMeans.train(points, start, iterations, new IterationTimes(times));
        if (centers.length != start.length) {
            throw new IllegalStateException("centers=" + centers.length);
        }
        return MlLoop.ourRun(name, round, times);
    }

    @Override
    public MlRun sparkMl(int round) throws TimeoutException {
        JavaRDD<org.apache.spark.mllib.linalg.Vector> cached =
                points.map(Vectors::fromML).cache();
        KMeansModel model = new org.apache.spark.mllib.clustering.KMeans()
                .setK(start.length)
                .setInitialModel(new KMeansModel(
                        Arrays.stream(start).map(Vectors::dense).toArray(org.apache.spark.mllib.linalg.Vector[]::new)))
                .setMaxIterations(iterations)
                .setEpsilon(0)
                .run(cached.rdd());
        cached.unpersist(true);
        return MlLoop.sparkMlRun(name, round, spark, jobs, model.trainingCost());
    }
}
