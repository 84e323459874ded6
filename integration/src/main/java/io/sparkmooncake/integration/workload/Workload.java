// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/** One piece of work whose result is the same on every run with the same arguments. */
interface Workload {

    /** Runs the work once; everything it does is timed. */
    Digest run(SparkSession spark);

    /** What {@link #run} has to return, or null where only a second run can tell; not timed. */
    default @Nullable Digest expected(SparkSession spark) {
        return null;
    }
}
