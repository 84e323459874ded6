// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.ml.AllReduce;
import io.sparkmooncake.ml.ColumnSums;
import io.sparkmooncake.ml.Communicators;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;

/** What users of all-reduce and of communicators call, and the mistakes that they make, on executors of one slot each. */
final class RankBreadth implements Program {
    private static final int NUMBERS = 10_000;
    private static final double SUM = NUMBERS * (NUMBERS - 1) / 2.0;

    @Override
    public void run(Facts facts) throws Exception {
        SparkSession spark = SparkSession.builder().getOrCreate();
        JavaSparkContext sc = new JavaSparkContext(spark.sparkContext());
        try {
            int ranks = facts.executors();
            new Executors(sc).awaitCount(ranks);
            JavaRDD<Integer> numbers =
                    sc.parallelize(IntStream.range(0, NUMBERS).boxed().toList(), ranks);
            facts.tell("version", sc.version());
            allReduce(sc, numbers);
            datasets(spark, ranks);
            wideVectors(numbers);
            communicators(numbers, ranks);
            mistakes(facts, numbers);
        } finally {
            spark.stop();
        }
    }

    private static void allReduce(JavaSparkContext sc, JavaRDD<Integer> numbers) {
        equal("sum", new double[] {NUMBERS, SUM}, AllReduce.sum(numbers, new double[2], RankBreadth::add));
        equal(
                "scala's RDD",
                new double[] {NUMBERS, SUM},
                AllReduce.sum(numbers.rdd(), new double[2], RankBreadth::add));
        equal(
                "an empty partition",
                new double[] {7, 7 * 6 / 2.0},
                AllReduce.sum(numbers.filter(number -> number < 7), new double[2], RankBreadth::add));
        equal("no partition", new double[2], AllReduce.sum(sc.<Integer>emptyRDD(), new double[2], RankBreadth::add));
        double[] least = {Double.POSITIVE_INFINITY};
        equal(
                "MIN",
                new double[] {-(NUMBERS - 1.0)},
                AllReduce.reduce(numbers, least, RankBreadth::least, ReduceOp.MIN));
        List<double[]> everywhere = AllReduce.onEveryPartition(numbers, new double[2], RankBreadth::add, ReduceOp.SUM)
                .map(sum -> new double[] {TaskContext.get().stageId(), sum[1]})
                .collect();
        everywhere.forEach(each -> equal("every partition's", everywhere.get(0), each));
        equal("every partition's sum", new double[] {SUM}, new double[] {
            everywhere.get(0)[1]
        });
    }

    private static double[] add(double[] sums, Integer number) {
        sums[0]++;
        sums[1] += number;
        return sums;
    }

    private static double[] least(double[] least, Integer number) {
        least[0] = Math.min(least[0], -number);
        return least;
    }

    private static void datasets(SparkSession spark, int ranks) {
        Dataset<Long> numbers = spark.range(0, NUMBERS, 1, ranks).as(Encoders.LONG());
        double[] sum = AllReduce.sum(numbers, new double[1], (total, number) -> {
            total[0] += number;
            return total;
        });
        equal("a Dataset's sum", new double[] {SUM}, sum);
        Dataset<Row> columns = spark.range(0, NUMBERS, 1, ranks)
                .select(
                        functions.lit(1),
                        functions.expr("array(id, 2 * id, cast(null as bigint))"),
                        functions.expr("-id"));
        equal("columns", new double[] {NUMBERS, SUM, 2 * SUM, 0, -SUM}, ColumnSums.sum(columns));
        equal("columns of no row", new double[0], ColumnSums.sum(columns.where("id < 0")));
    }

    private static void wideVectors(JavaRDD<Integer> numbers) {
        int width = 1_000_003;
        double[] sums = AllReduce.sum(numbers, new double[width], (sum, number) -> {
            sum[number * 100] += number;
            return sum;
        });
        equal("a wide vector", new double[] {SUM}, new double[] {
            Arrays.stream(sums).sum()
        });
    }

    private static void communicators(JavaRDD<Integer> numbers, int count) {
        List<String> told = Communicators.collect(numbers, (first, partition) -> {
            TaskContext context = TaskContext.get();
            Communicator second = Communicators.join(context);
            Communicator named = Communicators.join(context, "model");
            for (int i = 1; i <= 100; i++) {
                requireSum(first, i);
                requireSum(named, 2L * i);
                requireSum(second, 3L * i);
            }
            named.close();
            Communicator again = Communicators.join(context, "model");
            requireSum(again, 5);
            return List.of(first.membership().toString()).iterator();
        });
        Facts.require(told.size() == count && told.get(0).contains("rank=0, size=" + count), told);
    }

    private static void requireSum(Communicator ranks, long number) throws Exception {
        long[] sum = {number};
        ranks.allReduce(Elements.of(sum), Elements.of(sum), ReduceOp.SUM);
        Facts.require(sum[0] == number * ranks.membership().size(), "sum", sum[0], "of", number);
    }

    private static void mistakes(Facts facts, JavaRDD<Integer> numbers) {
        long start = System.nanoTime();
        provoke(
                facts,
                "slots",
                () -> AllReduce.sum(
                        numbers.repartition(numbers.getNumPartitions() + 1), new double[2], RankBreadth::add));
        facts.tell("slots.millis", (System.nanoTime() - start) / 1_000_000);
        provoke(
                facts,
                "ordinary-task",
                () -> numbers.foreachPartition(
                        partition -> Communicators.join(TaskContext.get()).close()));
        provoke(
                facts,
                "lengths",
                () -> AllReduce.sum(numbers, new double[0], (sum, number) -> new double[1 + number / 5_000]));
        provoke(
                facts,
                "name",
                () -> Communicators.mapPartitions(numbers, (ranks, partition) -> {
                            Communicators.join(TaskContext.get(), "a b").close();
                            return partition;
                        })
                        .collect());
    }

    private interface Mistake {
        void make() throws Exception;
    }

    private static void provoke(Facts facts, String name, Mistake mistake) {
        try {
            mistake.make();
            facts.tell(name, "no error");
        } catch (Exception failure) {
            facts.tellFailure(name, failure);
        }
    }

    private static void equal(String what, double[] expected, double[] actual) {
        Facts.require(
                Arrays.equals(expected, actual), what, Arrays.toString(expected), "is not", Arrays.toString(actual));
    }
}
