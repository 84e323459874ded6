// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** TPC-H-like queries give what they give with Spark's own shuffle, with adaptive execution on and off. */
final class TpchIT {
    @Test
    void someQueriesGiveSparksResults() throws IOException, InterruptedException {
        sameResults("4.1.3", Layout.THREE_TCP, "q5,q16,q18", "0.002");
    }

    @Tag("campaign")
    @ParameterizedTest
    @ValueSource(strings = {"3.5.9", "4.0.4", "4.1.3", "4.2.0"})
    void allQueriesGiveSparksResults(String version) throws IOException, InterruptedException {
        sameResults(version, Layout.FOUR_HOSTS, "all", "0.01");
    }

    /** No broadcast joins: their tables are not shuffled. */
    private static void sameResults(String version, Layout layout, String queries, String scale)
            throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of(version, "tpch")
                .on(layout)
                .deadline(Duration.ofMinutes(25))
                .conf("spark.sql.shuffle.partitions", "6")
                .conf("spark.sql.autoBroadcastJoinThreshold", "-1")
                .conf("spark.sql.adaptive.autoBroadcastJoinThreshold", "64k")
                .argument("queries", queries)
                .argument("scale", scale)
                .run();
        Map<String, String> planned = digests(facts, "", ".planned");
        assertThat(planned)
                .hasSize(queries.equals("all") ? 22 : 3)
                .isEqualTo(digests(facts, "", ".adaptive"))
                .isEqualTo(digests(facts, "stock.", ".planned"))
                .isEqualTo(digests(facts, "stock.", ".adaptive"));
    }

    /** Returns the digests of one way of running the queries. */
    private static Map<String, String> digests(Map<String, String> facts, String prefix, String suffix) {
        Map<String, String> digests = new TreeMap<>();
        facts.forEach((name, digest) -> {
            if (name.startsWith(prefix + "q") && name.endsWith(suffix)) {
                digests.put(name.substring(prefix.length(), name.length() - suffix.length()), digest);
            }
        });
        return digests;
    }
}
