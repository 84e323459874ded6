// SPDX-License-Identifier: Apache-2.0
package examples

import io.sparkmooncake.collectives.Communicator
import io.sparkmooncake.collectives.spi.{Elements, ReduceOp}
import io.sparkmooncake.ml.{AllReduce, Communicators}
import java.util.{Collections, Iterator => JavaIterator}
import org.apache.spark.TaskContext
import org.apache.spark.ml.feature.LabeledPoint
import org.apache.spark.ml.linalg.Vector
import org.apache.spark.rdd.RDD
import scala.jdk.CollectionConverters._

/** Loops of machine learning in Scala; RanksIT's neighbour MlExamplesIT compiles and runs them. */
object MlExamples {

  /** Mean and variance of every column, in one stage. */
  def meanAndVariance(rows: RDD[Vector], columns: Int): Array[Array[Double]] = {
    val add = (sums: Array[Double], row: Vector) => {
      sums(0) += 1
      row.foreachActive { (j, x) =>
        sums(1 + j) += x
        sums(1 + columns + j) += x * x
      }
      sums
    }
    val sums = AllReduce.sum(rows, new Array[Double](1 + 2 * columns), add(_: Array[Double], _: Vector))
    val n = sums(0)
    val mean = Array.tabulate(columns)(j => sums(1 + j) / n)
    Array(mean, Array.tabulate(columns)(j => (sums(1 + columns + j) - n * mean(j) * mean(j)) / (n - 1)))
  }

  /** Lloyd's k-means: every rank keeps its points and the centers, and sums of points are all-reduced. */
  def kMeans(rows: RDD[Vector], start: Array[Array[Double]], iterations: Int): Array[Array[Double]] = {
    val d = start(0).length
    def loop(ranks: Communicator, partition: JavaIterator[Vector]): JavaIterator[Array[Array[Double]]] = {
      val points = partition.asScala.map(_.toArray).toArray
      val sums = new Array[Double](start.length * (d + 1))
      val all = Elements.of(sums)
      var centers = start
      for (_ <- 1 to iterations) {
        java.util.Arrays.fill(sums, 0.0)
        for (x <- points) {
          val nearest = centers.indices.minBy { c =>
            var distance = 0.0
            for (j <- 0 until d) distance += (x(j) - centers(c)(j)) * (x(j) - centers(c)(j))
            distance
          }
          for (j <- 0 until d) sums(nearest * (d + 1) + j) += x(j)
          sums(nearest * (d + 1) + d) += 1
        }
        ranks.allReduce(all, all, ReduceOp.SUM)
        centers = Array.tabulate(start.length, d) { (c, j) =>
          val count = sums(c * (d + 1) + d)
          if (count > 0) sums(c * (d + 1) + j) / count else centers(c)(j)
        }
      }
      Collections.singletonList(centers).iterator
    }
    Communicators.collect(rows, loop(_: Communicator, _: JavaIterator[Vector])).get(0)
  }

  /** Logistic regression with Barzilai and Borwein's steps, as tasks of a barrier stage that join by themselves. */
  def logisticRegression(rows: RDD[LabeledPoint], d: Int, lambda: Double, iterations: Int): Array[Double] =
    rows.barrier().mapPartitions { partition =>
      val ranks = Communicators.join(TaskContext.get())
      val data = partition.toArray
      val sums = new Array[Double](d + 1)
      val all = Elements.of(sums)
      val w = new Array[Double](d)
      val gradient = new Array[Double](d)
      var step = 1.0
      for (_ <- 1 to iterations) {
        java.util.Arrays.fill(sums, 0.0)
        for (row <- data) {
          var margin = 0.0
          row.features.foreachActive((j, x) => margin += x * w(j))
          val factor = 1 / (1 + math.exp(-margin)) - row.label
          row.features.foreachActive((j, x) => sums(j) += factor * x)
          sums(d) += 1
        }
        ranks.allReduce(all, all, ReduceOp.SUM)
        var moved, curved = 0.0
        for (j <- 0 until d) {
          val now = sums(j) / sums(d) + lambda * w(j)
          val s = -step * gradient(j)
          moved += s * s
          curved += s * (now - gradient(j))
          gradient(j) = now
        }
        if (curved > 0) step = moved / curved
        for (j <- 0 until d) w(j) -= step * gradient(j)
      }
      Iterator.single(w)
    }.collect().head
}
