// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.spark;

import org.apache.spark.DistributedSuite;

/** Spark's DistributedSuite with a third executor. */
public final class ThreeExecutorsSuite extends DistributedSuite {
    private static final long serialVersionUID = 1L;

    @Override
    public String clusterUrl() {
        return "local-cluster[3,1,1024]";
    }
}
