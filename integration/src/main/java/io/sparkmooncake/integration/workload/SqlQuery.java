// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * A query over views, reduced to its digest inside Spark.
 *
 * @param views statements that define what the query reads; cheap, no data is stored
 * @param query a query with a column {@code total} of integers
 */
public record SqlQuery(List<String> views, String query) implements Workload {

    /** Copies {@code views}. */
    public SqlQuery {
        views = List.copyOf(views);
    }

    /** Facts joined with a table of the same order of magnitude, then grouped; both sides are shuffled. */
    static SqlQuery joinAndAggregate(Arguments arguments) {
        long rows = arguments.number("rows", 10_000_000);
        long keys = arguments.number("keys", Math.max(1, rows / 10));
        int maps = arguments.count("maps", 8);
        String facts = "CREATE OR REPLACE TEMP VIEW facts AS SELECT pmod(xxhash64(id, 1), " + keys + "L) AS k,"
                + " pmod(xxhash64(id, 2), 1000) AS v, hex(xxhash64(id, 3)) AS note"
                + " FROM range(0, " + rows + ", 1, " + maps + ")";
        String groups = "CREATE OR REPLACE TEMP VIEW groups AS SELECT id AS k, pmod(xxhash64(id, 4), "
                + Math.max(1, keys / 10) + "L) AS g FROM range(0, " + keys + ", 1, " + maps + ")";
        String query = """
                SELECT /*+ MERGE(facts, groups) */ g, count(*) AS n, sum(v) AS total, max(note) AS note
                FROM facts JOIN groups USING (k) GROUP BY g""";
        return new SqlQuery(List.of(facts, groups), query);
    }

    @Override
    public Digest run(SparkSession spark) {
        views.forEach(spark::sql);
        Row digest = spark.sql("SELECT count(*), coalesce(bit_xor(xxhash64(*)), 0L), coalesce(sum(total), 0L) FROM ("
                        + query + ")")
                .head();
        return new Digest(digest.getLong(0), digest.getLong(1), digest.getLong(2));
    }
}
