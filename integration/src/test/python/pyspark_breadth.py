# SPDX-License-Identifier: Apache-2.0
"""What Python users do with a shuffle behind it: rows leave the JVM for a Python process and come back.

Prints one line "FACT <case>=<rows> <hash of the sorted rows>" for each case. The same program with Spark's own shuffle must print
the same. Arguments: cases=<name>,<name>,... rows=<rows of the largest case>
"""

import hashlib
import sys
import time

import numpy
import pandas
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.functions import pandas_udf, udf

ARGUMENTS = dict(word.split("=", 1) for word in sys.argv[1:])
ROWS = int(ARGUMENTS.get("rows", "200000"))
KEYS = max(20, ROWS // 1000)
PARTITIONS = 12


def digest(rows):
    lines = sorted(str(row) for row in rows)
    return f"{len(lines)} {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:16]}"


def frame(spark, rows=ROWS):
    return spark.range(0, rows, 1, 9).selectExpr(
        "id", f"pmod(xxhash64(id, 1), {KEYS}) AS k", "pmod(xxhash64(id, 2), 1000003) AS v",
        "concat('note ', xxhash64(id, 3)) AS note")


def rdd_combines_sorts_and_joins(spark):
    sc = spark.sparkContext
    pairs = sc.parallelize(range(ROWS // 10), 9).map(lambda i: (i * 7919 % KEYS, i))
    sums = pairs.reduceByKey(lambda a, b: a + b, PARTITIONS)
    groups = pairs.groupByKey(PARTITIONS).mapValues(lambda values: len(list(values)))
    ordered = pairs.sortByKey(numPartitions=PARTITIONS).keys().glom().map(lambda keys: (keys[:1], len(keys))).collect()
    return sums.join(groups, PARTITIONS).collect() + ordered


def rdd_moves_large_values(spark):
    sc = spark.sparkContext
    values = sc.parallelize(range(300), 9).map(lambda i: (i % 5, numpy.random.RandomState(i).bytes(50_000)))
    return values.partitionBy(5).mapValues(lambda value: hashlib.md5(value).hexdigest()).collect()


def rdd_pipes(spark):
    lines = spark.sparkContext.parallelize(range(ROWS // 10), 9).map(lambda i: f"{i % KEYS} {i}")
    piped = lines.repartition(PARTITIONS).pipe("sed s/^/x/").map(lambda line: (line.split(" ")[0], 1))
    return piped.reduceByKey(lambda a, b: a + b, PARTITIONS).collect()


def python_udf(spark):
    squared = udf(lambda v: v * v % 1000003, "bigint")
    rows = frame(spark).repartition(PARTITIONS, "k").select("k", squared("v").alias("s"))
    return rows.groupBy("k").agg(F.sum("s"), F.count("*")).collect()


def pandas_udfs(spark):
    @pandas_udf("bigint")
    def squared(v: pandas.Series) -> pandas.Series:
        return v * v % 1000003

    @pandas_udf("double")
    def middle(v: pandas.Series) -> float:
        return float(v.median())

    rows = frame(spark).repartition(PARTITIONS).select("k", squared("v").alias("s"))
    return rows.groupBy("k").agg(middle("s")).collect()


def grouped_and_mapped(spark):
    def largest(group):
        return group.nlargest(3, "v")[["k", "v"]]

    def both(left, right):
        return pandas.DataFrame({"k": [max(left["k"].max(), right["k"].max())], "n": [len(left) * len(right)]})

    def doubled(batches):
        for batch in batches:
            batch["v"] = batch["v"] * 2
            yield batch

    rows = frame(spark).select("k", "v")
    grouped = rows.groupBy("k").applyInPandas(largest, "k bigint, v bigint")
    together = rows.filter("v % 5 = 0").groupBy("k").cogroup(rows.filter("v % 7 = 0").groupBy("k"))
    mapped = rows.repartition(PARTITIONS, "v").mapInPandas(doubled, "k bigint, v bigint")
    return (grouped.collect() + together.applyInPandas(both, "k bigint, n bigint").collect()
            + mapped.groupBy("k").agg(F.sum("v")).collect())


def transform(spark):
    frame(spark).createOrReplaceTempView("t")
    delimited = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
    return spark.sql(f"""
        SELECT k, count(*), sum(cast(v AS bigint)) FROM (
          SELECT TRANSFORM(k, v) {delimited} USING 'cat' AS (k, v) {delimited}
          FROM (SELECT k, v FROM t DISTRIBUTE BY k SORT BY k, v)) GROUP BY k""").collect()


def window_under_pressure(spark):
    """A window's buffers ask for memory on one thread while another thread writes a shuffle."""
    spark.conf.set("spark.sql.windowExec.buffer.in.memory.threshold", "1")
    spark.conf.set("spark.sql.windowExec.buffer.spill.threshold", "100000")
    same = udf(lambda v: v, "bigint")
    counted = frame(spark, 40 * ROWS).withColumn("c", F.count("*").over(Window.partitionBy("k")))
    counted = counted.withColumn("r", F.row_number().over(Window.partitionBy("k").orderBy("v", "id")))
    rows = counted.select("k", "c", "r", "note", same("v").alias("v")).repartition(50, "v")
    return rows.agg(F.count("*"), F.sum(F.hash("k", "c", "r", "v", "note"))).collect()


def window_transformed_under_pressure(spark):
    """The same with the threads of TRANSFORM, which Spark 4 still has."""
    frame(spark, 40 * ROWS).createOrReplaceTempView("t")
    delimited = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
    return spark.sql(f"""
        SELECT sum(hash(k, v, c)), count(*) FROM (SELECT /*+ REPARTITION(50, k) */ * FROM (
          SELECT TRANSFORM(k, v, c) {delimited} USING 'cat' AS (k, v, c) {delimited}
          FROM (SELECT k, v, count(*) OVER (PARTITION BY k) AS c FROM t)))""").collect()


CASES = [rdd_combines_sorts_and_joins, rdd_moves_large_values, rdd_pipes, python_udf, pandas_udfs, grouped_and_mapped,
         transform, window_under_pressure, window_transformed_under_pressure]


def main():
    spark = SparkSession.builder.getOrCreate()
    chosen = ARGUMENTS.get("cases", "all").split(",")
    for case in CASES:
        if chosen == ["all"] or case.__name__ in chosen:
            start = time.time()
            print(f"FACT {case.__name__}={digest(case(spark))}", flush=True)
            print(f"FACT millis.{case.__name__}={int((time.time() - start) * 1000)}", flush=True)
    print(f"FACT manager={spark.conf.get('spark.shuffle.manager', 'sort')}", flush=True)
    print(f"FACT version={spark.version}", flush=True)
    spark.stop()
    print("FACT passed=python", flush=True)


main()
