# SPDX-License-Identifier: Apache-2.0
"""Loops of machine learning from PySpark. Every function takes a DataFrame and sums its columns in one stage of ranks.

Start PySpark with the plugin:  pyspark --jars spark-mooncake_2.13-<version>.jar \
    --conf spark.plugins=io.sparkmooncake.plugin.MooncakePlugin
"""

from math import sqrt


def column_sums(df, *expressions):
    """Sums SQL expressions over all rows; arrays are summed element by element. Returns a list of floats."""
    selected = df.selectExpr(*expressions)
    return list(df.sparkSession._jvm.io.sparkmooncake.ml.ColumnSums.sum(selected._jdf))


def array(numbers):
    return "array(" + ", ".join("%rD" % float(number) for number in numbers) + ")"


def mean_and_variance(df, columns):
    """Mean and unbiased variance of an array column named features."""
    sums = column_sums(df, "1", "features", "transform(features, x -> x * x)")
    n = sums[0]
    mean = [total / n for total in sums[1 : 1 + columns]]
    squares = sums[1 + columns :]
    return mean, [(square - n * m * m) / (n - 1) for square, m in zip(squares, mean)]


def k_means(df, centers, iterations):
    """Lloyd's k-means of an array column named features."""
    k, d = len(centers), len(centers[0])
    for _ in range(iterations):
        candidates = ", ".join(
            "struct(aggregate(zip_with(features, %s, (x, c) -> (x - c) * (x - c)), 0D, (a, b) -> a + b), %d)" % (array(c), i)
            for i, c in enumerate(centers)
        )
        nearest = "array_min(array(%s)).col2" % candidates
        one_hot = (
            "flatten(transform(sequence(0, %d), i -> transform(concat(features, array(1D)), x -> if(i = %s, x, 0D))))"
            % (k - 1, nearest)
        )
        sums = column_sums(df, one_hot)
        for c in range(k):
            *total, count = sums[c * (d + 1) : (c + 1) * (d + 1)]
            if count > 0:
                centers[c] = [x / count for x in total]
    return centers


def logistic_regression(df, columns, regularization, iterations):
    """Logistic regression of label on an array column named features, with Barzilai and Borwein's steps."""
    w, gradient, step = [0.0] * columns, [0.0] * columns, 1.0
    for _ in range(iterations):
        margin = "aggregate(zip_with(features, %s, (x, w) -> x * w), 0D, (a, b) -> a + b)" % array(w)
        factor = "(1 / (1 + exp(-%s)) - label)" % margin
        sums = column_sums(df, "1", "transform(features, x -> x * %s)" % factor)
        now = [total / sums[0] + regularization * wj for total, wj in zip(sums[1:], w)]
        moved = sum((step * g) ** 2 for g in gradient)
        curved = sum(-step * g * (n - g) for g, n in zip(gradient, now))
        step = moved / curved if curved > 0 else step
        gradient = now
        w = [wj - step * g for wj, g in zip(w, gradient)]
    return w


def norm(vector):
    return sqrt(sum(x * x for x in vector))
