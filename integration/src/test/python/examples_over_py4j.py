# SPDX-License-Identifier: Apache-2.0
"""Runs integration/examples/ml_examples.py against the JVM that PySpark starts, over Py4J alone: PySpark itself need not be there.

usage: examples_over_py4j.py SPARK_HOME PLUGIN_JAR FOLDER
"""

import collections
import collections.abc
import json
import os
import random
import struct
import subprocess
import sys
import time

# The newest Python side of Py4J on Maven Central, 0.10.7, takes these from where Python had them before 3.10.
for name in ("Iterable", "MutableMapping", "MutableSequence", "MutableSet", "Sequence", "Set"):
    setattr(collections, name, getattr(collections.abc, name))

from py4j.java_gateway import GatewayParameters, JavaGateway

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../examples"))
import ml_examples  # noqa: E402


class Frame:
    """What the examples use of a PySpark DataFrame."""

    def __init__(self, jdf, gateway):
        self._jdf, self._gateway, self.sparkSession = jdf, gateway, self
        self._jvm = gateway.jvm

    def selectExpr(self, *expressions):
        words = self._gateway.new_array(self._jvm.String, len(expressions))
        for i, expression in enumerate(expressions):
            words[i] = expression
        return Frame(self._jdf.selectExpr(words), self._gateway)


def start(spark_home, plugin_jar, folder):
    """Starts spark-submit as PySpark does, and returns its process, port and secret."""
    info = os.path.join(folder, "gateway")
    command = [os.path.join(spark_home, "bin/spark-submit"), "--master", "local-cluster[3,1,1024]"]
    for setting in (
        "spark.plugins=io.sparkmooncake.plugin.MooncakePlugin",
        "spark.jars=" + plugin_jar,
        "spark.ui.enabled=false",
        "spark.executor.memory=1g",
        "spark.local.dir=" + folder,
    ):
        command += ["--conf", setting]
    log = open(os.path.join(folder, "driver.log"), "w", encoding="utf-8")
    process = subprocess.Popen(
        command + ["pyspark-shell"],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**os.environ, "_PYSPARK_DRIVER_CONN_INFO_PATH": info},
    )
    deadline = time.monotonic() + 90
    while not os.path.exists(info):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("no gateway; see " + log.name)
        time.sleep(0.1)
    with open(info, "rb") as said:
        port, length = struct.unpack("!ii", said.read(8))
        return process, port, said.read(length).decode()


def rows(seed, columns):
    made = random.Random(seed)
    plane = [made.gauss(0, 0.5) for _ in range(columns)]
    for _ in range(400):
        x = [made.gauss(0, 1) + made.choice((-2, 2)) for _ in range(columns)]
        margin = sum(a * b for a, b in zip(x, plane)) + made.gauss(0, 1)
        yield {"features": x, "label": float(margin > 0)}


def check(frame, data, columns):
    mean, variance = ml_examples.mean_and_variance(frame, columns)
    n = len(data)
    for j in range(columns):
        m = sum(row["features"][j] for row in data) / n
        v = sum((row["features"][j] - m) ** 2 for row in data) / (n - 1)
        assert abs(mean[j] - m) < 1e-9 and abs(variance[j] - v) < 1e-9, (j, mean[j], m, variance[j], v)
    print("FACT mean-and-variance=right")

    begin = [row["features"] for row in data[:3]]
    centers = ml_examples.k_means(frame, list(begin), 4)
    plain = [list(center) for center in begin]
    for _ in range(4):
        groups = [[] for _ in plain]
        for row in data:
            distances = [sum((a - b) ** 2 for a, b in zip(row["features"], c)) for c in plain]
            groups[distances.index(min(distances))].append(row["features"])
        plain = [[sum(column) / len(group) for column in zip(*group)] if group else c for group, c in zip(groups, plain)]
    assert all(abs(a - b) < 1e-9 for c, p in zip(centers, plain) for a, b in zip(c, p)), (centers, plain)
    print("FACT k-means=right")

    weights = ml_examples.logistic_regression(frame, columns, 0.01, 40)
    from math import exp

    gradient = [0.01 * w for w in weights]
    for row in data:
        factor = 1 / (1 + exp(-sum(a * b for a, b in zip(row["features"], weights)))) - row["label"]
        gradient = [g + factor * x / n for g, x in zip(gradient, row["features"])]
    assert ml_examples.norm(gradient) < 1e-5, gradient
    print("FACT logistic-regression=right")


def main():
    spark_home, plugin_jar, folder = sys.argv[1:]
    process, port, secret = start(spark_home, plugin_jar, folder)
    try:
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=secret, auto_convert=True))
        spark = gateway.jvm.org.apache.spark.sql.SparkSession.builder().appName("py4j").getOrCreate()
        columns = 4
        data = list(rows(4711, columns))
        file = os.path.join(folder, "rows.json")
        with open(file, "w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in data)
        frame = spark.read().schema("features array<double>, label double").json(file).repartition(3).cache()
        check(Frame(frame, gateway), data, columns)
        spark.stop()
        gateway.shutdown()
        print("FACT passed=python")
    finally:
        process.stdin.close()
        process.wait(60)


main()
