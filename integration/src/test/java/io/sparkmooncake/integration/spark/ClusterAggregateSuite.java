// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.spark;

import org.apache.spark.SparkContext;
import org.apache.spark.sql.DataFrameAggregateSuite;
import org.apache.spark.sql.test.TestSparkSession;

/** Spark's DataFrameAggregateSuite on three executor processes. */
public final class ClusterAggregateSuite extends DataFrameAggregateSuite {
    private static final long serialVersionUID = 1L;

    @Override
    public TestSparkSession createSparkSession() {
        return new TestSparkSession(new SparkContext("local-cluster[3,1,1024]", "aggregate", sparkConf()));
    }
}
