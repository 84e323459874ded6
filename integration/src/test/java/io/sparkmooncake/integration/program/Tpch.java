// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import io.sparkmooncake.integration.workload.Digest;
import io.sparkmooncake.integration.workload.TpchQueries;
import java.util.List;
import org.apache.spark.sql.SparkSession;

/**
 * TPC-H-like queries with adaptive execution on and off, and again with Spark's own shuffle; prints the digest of each result.
 */
final class Tpch implements Program {
    @Override
    public void run(Facts facts) {
        List<String> queries = facts.argument("queries").equals("all")
                ? TpchQueries.names()
                : List.of(facts.argument("queries").split(",", -1));
        run(facts, "", SparkSession.builder().getOrCreate(), queries);
        run(facts, StockSpark.PREFIX, StockSpark.session(facts.executors()), queries);
    }

    private static void run(Facts facts, String prefix, SparkSession spark, List<String> queries) {
        try {
            for (String adaptive : List.of("true", "false")) {
                spark.conf().set("spark.sql.adaptive.enabled", adaptive);
                for (String query : queries) {
                    Digest digest = TpchQueries.named(query, Double.parseDouble(facts.argument("scale")))
                            .run(spark);
                    Facts.require(digest.rows() > 0, query, "has no rows");
                    facts.tell(prefix + query + (adaptive.equals("true") ? ".adaptive" : ".planned"), digest);
                }
            }
        } finally {
            spark.stop();
        }
    }
}
