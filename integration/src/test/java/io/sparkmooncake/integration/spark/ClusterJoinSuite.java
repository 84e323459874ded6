// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.spark;

import org.apache.spark.SparkContext;
import org.apache.spark.sql.JoinSuite;
import org.apache.spark.sql.test.TestSparkSession;

/** Spark's JoinSuite on three executor processes that have tcp alone, so that each reads from several peers. */
public final class ClusterJoinSuite extends JoinSuite {
    private static final long serialVersionUID = 1L;

    @Override
    public TestSparkSession createSparkSession() {
        return new TestSparkSession(new SparkContext(
                "local-cluster[3,1,1024]", "join", sparkConf().set("spark.mooncake.transfer.paths", "tcp")));
    }
}
