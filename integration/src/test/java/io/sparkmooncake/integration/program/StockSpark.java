// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;

/** Spark's own shuffle in the driver's process, for results to compare with. */
final class StockSpark {
    /** What the names of its facts begin with. */
    static final String PREFIX = "stock.";

    private StockSpark() {}

    /** Returns a session with {@code slots} task slots, after the application's own session has ended. */
    static SparkSession session(int slots) {
        SparkConf conf = new SparkConf()
                .remove("spark.plugins")
                .remove("spark.shuffle.manager")
                .setMaster("local[" + slots + "]");
        SparkContext context = new SparkContext(conf);
        SparkSession session = SparkSession.builder().getOrCreate();
        Facts.require(session.sparkContext() == context, "a session of another application");
        return session;
    }
}
