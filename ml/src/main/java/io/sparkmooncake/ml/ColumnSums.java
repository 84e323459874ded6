// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.ml;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import scala.collection.Iterable;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Sums of the columns of a DataFrame, for callers that have expressions and no functions of the JVM, such as PySpark:
 * {@code sc._jvm.io.sparkmooncake.ml.ColumnSums.sum(df.selectExpr("1", "x", "x * x")._jdf)}.
 */
public final class ColumnSums {
    private ColumnSums() {}

    /**
     * Returns the sum of every column, in one stage as {@link AllReduce} does.
     *
     * @param rows whose columns are numbers, or arrays of numbers that have the same length in all rows; null counts as zero
     * @return one number for each column, and for each element where a column is an array, in their order; empty when there are no
     *     rows
     * @throws IllegalStateException when the application has fewer slots than there are partitions
     */
    public static double[] sum(Dataset<Row> rows) {
        List<double[]> sums = RankJob.collect(rows.rdd(), ColumnSums::sumRank);
        return sums.isEmpty() ? new double[0] : sums.get(0);
    }

    private static Iterator<double[]> sumRank(Communicator communicator, Iterator<Row> partition) throws Exception {
        double[] own = new double[0];
        while (partition.hasNext()) {
            own = add(own, partition.next());
        }
        long[] width = {own.length};
        Elements agreed = Elements.of(width);
        communicator.allReduce(agreed, agreed, ReduceOp.MAX);
        if (own.length != 0 && own.length != width[0]) {
            throw new IllegalArgumentException(
                    "partition " + communicator.membership().rank() + " has columns of width=" + own.length
                            + " and another one of width=" + width[0] + ": give arrays the same length in all rows");
        }
        double[] sum = Arrays.copyOf(own, Math.toIntExact(width[0]));
        Elements elements = Elements.of(sum);
        communicator.allReduce(elements, elements, ReduceOp.SUM);
        return communicator.membership().rank() == 0
                ? Collections.singletonList(sum).iterator()
                : Collections.emptyIterator();
    }

    private static double[] add(double[] sum, Row row) {
        double[] values = new double[sum.length == 0 ? row.size() : sum.length];
        int at = 0;
        for (int column = 0; column < row.size(); column++) {
            Object cell = row.get(column);
            if (cell instanceof Iterable<?> array) {
                for (Object element : CollectionConverters.asJava(array)) {
                    values = put(values, at++, element);
                }
            } else {
                values = put(values, at++, cell);
            }
        }
        if (sum.length != 0 && at != sum.length) {
            throw new IllegalArgumentException("a row has width=" + at + " after rows of width=" + sum.length
                    + ": give arrays the same length in all rows");
        }
        double[] result = sum.length == 0 ? new double[at] : sum;
        for (int i = 0; i < at; i++) {
            result[i] += values[i];
        }
        return result;
    }

    private static double[] put(double[] values, int at, @Nullable Object cell) {
        double[] roomy = at < values.length ? values : Arrays.copyOf(values, Math.max(8, 2 * at));
        if (cell instanceof Number number) {
            roomy[at] = number.doubleValue();
        } else if (cell instanceof Boolean bool) {
            roomy[at] = bool ? 1 : 0;
        } else if (cell != null) {
            throw new IllegalArgumentException("a column of type="
                    + cell.getClass().getName() + " cannot be summed: select numbers and arrays of numbers");
        } else {
            roomy[at] = 0;
        }
        return roomy;
    }
}
