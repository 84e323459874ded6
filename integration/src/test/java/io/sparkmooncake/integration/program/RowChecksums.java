// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.scheduler.MapStatus;
import org.apache.spark.sql.SparkSession;

/** Tells the row checksums that the driver holds for the map outputs of four exchanges. */
final class RowChecksums {
    private RowChecksums() {}

    static void tell(Facts facts, SparkSession spark) {
        facts.tell("checksums-of-rows", checksums(spark, "id"));
        facts.tell("checksums-of-rerun", checksums(spark, "id"));
        facts.tell("checksums-of-reversed", checksums(spark, "IF(id < 1000, 999 - id, 2999 - id)"));
        facts.tell("checksums-of-different", checksums(spark, "IF(id = 500 OR id = 1500, -id, id)"));
    }

    /** Two map tasks of 1000 rows each. */
    private static List<Long> checksums(SparkSession spark, String column) {
        List<Integer> before = Executors.shuffles();
        spark.sql("SELECT /*+ REPARTITION(4, row) */ row FROM (SELECT " + column + " AS row FROM range(0, 2000, 1, 2))")
                .collectAsList();
        List<Long> checksums = new ArrayList<>();
        for (int shuffle : Executors.shuffles()) {
            if (!before.contains(shuffle)) {
                for (MapStatus status :
                        Executors.tracker().shuffleStatuses().apply(shuffle).mapStatuses()) {
                    checksums.add(status.checksumValue());
                }
            }
        }
        return checksums;
    }
}
