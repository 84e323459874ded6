// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import io.sparkmooncake.integration.example.KMeans;
import io.sparkmooncake.integration.example.LogisticRegression;
import io.sparkmooncake.integration.example.MeanAndVariance;
import io.sparkmooncake.integration.example.Progress;
import io.sparkmooncake.ml.VectorSums;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.ml.feature.LabeledPoint;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.stat.Summarizer;
import org.apache.spark.mllib.clustering.KMeansModel;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The examples beside Spark ML on the same data and from the same start. */
final class MlExamples implements Program {
    private static final int ROWS = 4_000;
    private static final int COLUMNS = 12;
    private static final int CENTERS = 5;

    @Override
    public void run(Facts facts) throws ReflectiveOperationException {
        SparkSession spark = SparkSession.builder().getOrCreate();
        try {
            JavaSparkContext sc = new JavaSparkContext(spark.sparkContext());
            JavaRDD<LabeledPoint> rows =
                    sc.parallelize(points(4711), facts.executors()).cache();
            JavaRDD<Vector> points = rows.map(LabeledPoint::features).cache();
            facts.tell("mean-and-variance", meanAndVariance(spark, rows, points));
            facts.tell("sparse-sum", sparseSum(points));
            facts.tell("k-means", kMeans(points));
            facts.tell("logistic-regression", logisticRegression(spark, rows));
            inScala(facts, rows, points);
        } finally {
            spark.stop();
        }
    }

    /** Clouds around random centers, every third point sparse, with labels that a random plane decides with some noise. */
    private static List<LabeledPoint> points(long seed) {
        Random random = new Random(seed);
        double[][] centers = gaussians(random, CENTERS, 3);
        double[] plane = gaussians(random, 1, 0.5)[0];
        List<LabeledPoint> points = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            double[] x = gaussians(random, 1, 1)[0];
            double margin = 0;
            for (int j = 0; j < COLUMNS; j++) {
                x[j] = i % 3 == 0 && j % 2 == 0 ? 0 : x[j] + centers[i % CENTERS][j];
                margin += plane[j] * x[j];
            }
            Vector features = i % 3 == 0 ? Vectors.dense(x).toSparse() : Vectors.dense(x);
            points.add(new LabeledPoint(margin + random.nextGaussian() > 0 ? 1 : 0, features));
        }
        return points;
    }

    private static double[][] gaussians(Random random, int rows, double scale) {
        return IntStream.range(0, rows)
                .mapToObj(row -> DoubleStream.generate(random::nextGaussian)
                        .limit(COLUMNS)
                        .map(gaussian -> scale * gaussian)
                        .toArray())
                .toArray(double[][]::new);
    }

    private static double meanAndVariance(SparkSession spark, JavaRDD<LabeledPoint> rows, JavaRDD<Vector> points) {
        MeanAndVariance ours = MeanAndVariance.of(points, COLUMNS);
        Row theirs = table(spark, rows)
                .select(Summarizer.mean(functions.col("features")), Summarizer.variance(functions.col("features")))
                .head();
        return Math.max(
                distance(ours.mean().toArray(), theirs.<Vector>getAs(0).toArray()),
                distance(ours.variance().toArray(), theirs.<Vector>getAs(1).toArray()));
    }

    private static Dataset<Row> table(SparkSession spark, JavaRDD<LabeledPoint> rows) {
        StructType schema =
                new StructType().add("label", DataTypes.DoubleType).add("features", SQLDataTypes.VectorType());
        return spark.createDataFrame(rows.map(row -> RowFactory.create(row.label(), row.features())), schema);
    }

    private static double sparseSum(JavaRDD<Vector> points) {
        double[] ours = VectorSums.sum(points.rdd(), COLUMNS).toArray();
        double[] theirs = points.treeAggregate(new double[COLUMNS], VectorSums::addTo, MlExamples::plus);
        return distance(ours, theirs);
    }

    private static double[] plus(double[] a, double[] b) {
        for (int j = 0; j < a.length; j++) {
            a[j] += b[j];
        }
        return a;
    }

    private static double kMeans(JavaRDD<Vector> points) {
        double[][] start = points.take(CENTERS).stream().map(Vector::toArray).toArray(double[][]::new);
        int iterations = 10;
        double[][] ours = KMeans.train(points, start, iterations, Progress.NONE);
        KMeansModel model = new org.apache.spark.mllib.clustering.KMeans()
                .setK(CENTERS)
                .setInitialModel(new KMeansModel(Arrays.stream(start)
                        .map(org.apache.spark.mllib.linalg.Vectors::dense)
                        .toArray(org.apache.spark.mllib.linalg.Vector[]::new)))
                .setMaxIterations(iterations)
                .setEpsilon(0)
                .run(points.map(org.apache.spark.mllib.linalg.Vectors::fromML)
                        .cache()
                        .rdd());
        double worst = 0;
        for (int c = 0; c < CENTERS; c++) {
            worst = Math.max(worst, distance(ours[c], model.clusterCenters()[c].toArray()));
        }
        return worst;
    }

    private static double logisticRegression(SparkSession spark, JavaRDD<LabeledPoint> rows) {
        double lambda = 0.01;
        double[] ours = LogisticRegression.train(rows, COLUMNS, lambda, 100, Progress.NONE);
        double[] theirs = new org.apache.spark.ml.classification.LogisticRegression()
                .setRegParam(lambda)
                .setFitIntercept(false)
                .setStandardization(false)
                .setTol(0) // until the line search finds nothing better, or the iterations end
                .setMaxIter(200)
                .fit(table(spark, rows))
                .coefficients()
                .toArray();
        return distance(ours, theirs);
    }

    /** The test has compiled them and put them among the jars. */
    private static void inScala(Facts facts, JavaRDD<LabeledPoint> rows, JavaRDD<Vector> points)
            throws ReflectiveOperationException {
        Class<?> examples = Class.forName(
                "examples.MlExamples", true, Thread.currentThread().getContextClassLoader());
        MeanAndVariance mean = MeanAndVariance.of(points, COLUMNS);
        double[][] scalas = (double[][])
                examples.getMethod("meanAndVariance", RDD.class, int.class).invoke(null, points.rdd(), COLUMNS);
        facts.tell(
                "scala-mean-and-variance",
                Math.max(
                        distance(scalas[0], mean.mean().toArray()),
                        distance(scalas[1], mean.variance().toArray())));
        double[][] start = points.take(CENTERS).stream().map(Vector::toArray).toArray(double[][]::new);
        double[][] centers = (double[][]) examples.getMethod("kMeans", RDD.class, double[][].class, int.class)
                .invoke(null, points.rdd(), start, 10);
        double[][] ours = KMeans.train(points, start, 10, Progress.NONE);
        facts.tell(
                "scala-k-means",
                IntStream.range(0, CENTERS)
                        .mapToDouble(c -> distance(centers[c], ours[c]))
                        .max()
                        .orElseThrow());
        double[] weights =
                (double[]) examples.getMethod("logisticRegression", RDD.class, int.class, double.class, int.class)
                        .invoke(null, rows.rdd(), COLUMNS, 0.01, 100);
        facts.tell(
                "scala-logistic-regression",
                distance(weights, LogisticRegression.train(rows, COLUMNS, 0.01, 100, Progress.NONE)));
    }

    private static double distance(double[] a, double[] b) {
        return IntStream.range(0, a.length)
                .mapToDouble(j -> Math.abs(a[j] - b[j]))
                .max()
                .orElse(Double.NaN);
    }
}
