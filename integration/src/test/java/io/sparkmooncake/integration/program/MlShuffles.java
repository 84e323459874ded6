// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.apache.spark.ml.classification.RandomForestClassifier;
import org.apache.spark.ml.clustering.KMeans;
import org.apache.spark.ml.feature.VectorAssembler;
import org.apache.spark.ml.fpm.FPGrowth;
import org.apache.spark.ml.linalg.Matrix;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.recommendation.ALS;
import org.apache.spark.ml.stat.Correlation;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;

/**
 * Estimators of Spark ML that shuffle, on rows whose order does not depend on which block came first. Tells what they learned, to
 * six digits, because sums of doubles do depend on it; and what they learn with Spark's own shuffle.
 */
final class MlShuffles implements Program {
    @Override
    public void run(Facts facts) {
        learn(facts, "", SparkSession.builder().getOrCreate());
        learn(facts, StockSpark.PREFIX, StockSpark.session(facts.executors()));
    }

    private static void learn(Facts facts, String prefix, SparkSession spark) {
        try {
            facts.tell(prefix + "als", als(spark));
            facts.tell(prefix + "fp-growth", fpGrowth(spark));
            Dataset<Row> points = points(spark).cache();
            facts.tell(prefix + "k-means", kMeans(points));
            facts.tell(prefix + "random-forest", randomForest(points));
            Row correlation = Correlation.corr(points, "features", "spearman").head();
            facts.tell(prefix + "spearman", digits(((Matrix) correlation.get(0)).toArray()));
        } finally {
            spark.stop();
        }
    }

    private static String als(SparkSession spark) {
        Dataset<Row> ratings = spark.range(0, 6_000, 1, 4)
                .selectExpr("int(id % 100) u", "int((id * 7919) % 83) i", "float((id * 31) % 5) r")
                .repartition(4, functions.col("u"))
                .sortWithinPartitions("u", "i", "r");
        List<Row> factors = new ALS()
                .setUserCol("u")
                .setItemCol("i")
                .setRatingCol("r")
                .setRank(4)
                .setMaxIter(2)
                .setSeed(1)
                .setNumBlocks(2)
                .fit(ratings)
                .itemFactors()
                .orderBy("id")
                .limit(50)
                .collectAsList();
        return factors.stream()
                .map(row -> digits(row.<Float>getList(1).stream()
                        .mapToDouble(Float::doubleValue)
                        .toArray()))
                .collect(Collectors.joining(" "));
    }

    private static String fpGrowth(SparkSession spark) {
        Dataset<Row> baskets = spark.range(0, 1_000, 1, 4)
                .selectExpr("array_distinct(array(int(id % 5), int(id % 7) + 10, int(id % 3) + 20)) items", "id")
                .repartition(3, functions.col("id"));
        return new FPGrowth()
                        .setMinSupport(0.05)
                        .fit(baskets)
                        .freqItemsets()
                        .selectExpr("concat_ws('+', array_sort(items)) items", "freq")
                        .orderBy("items")
                        .collectAsList()
                        .stream()
                        .map(Row::toString)
                        .collect(Collectors.joining());
    }

    private static Dataset<Row> points(SparkSession spark) {
        Dataset<Row> numbers = spark.range(0, 2_000, 1, 4)
                .selectExpr("id", "(id * 7919 % 97) * 1.0d x", "(id * 104729 % 89) * 1.0d y")
                .selectExpr("id", "x", "y", "case when x > y then 1.0d else 0.0d end label")
                .repartition(4, functions.col("id"))
                .sortWithinPartitions("id");
        return new VectorAssembler()
                .setInputCols(new String[] {"x", "y"})
                .setOutputCol("features")
                .transform(numbers);
    }

    private static String kMeans(Dataset<Row> points) {
        Vector[] centers =
                new KMeans().setK(4).setSeed(3).setMaxIter(2).fit(points).clusterCenters();
        return Arrays.stream(centers).map(center -> digits(center.toArray())).collect(Collectors.joining(" "));
    }

    private static String randomForest(Dataset<Row> points) {
        return new RandomForestClassifier()
                .setSeed(5)
                .setNumTrees(2)
                .setMaxDepth(3)
                .fit(points)
                .toDebugString()
                .lines()
                .skip(1)
                .map(String::strip)
                .collect(Collectors.joining(" "));
    }

    private static String digits(double[] values) {
        return Arrays.stream(values)
                .mapToObj(value -> String.format(Locale.ROOT, "%.6f", value))
                .collect(Collectors.joining(",", "(", ")"));
    }
}
