// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An application whose shuffle cannot be ours runs on Spark's own, and its ranks on our engine, if its user asked for that. */
final class LeftToSparkIT {
    /** Spark 3.5 constructs the driver's manager before any plugin runs; it then does what its parent does. */
    @ParameterizedTest
    @CsvSource({"3.5.9,MooncakeShuffleManager", "4.1.3,SortShuffleManager"})
    void sparkShufflesAndRanksStillRun(String version, String driver) throws IOException, InterruptedException {
        Submission submission = Submission.of(version, "left-to-spark")
                .master("local-cluster[3,1,1024]")
                .conf("spark.shuffle.useOldFetchProtocol", "true")
                .conf("spark.mooncake.onUnsupported", "sort");
        Map<String, String> facts = submission.run();
        assertThat(facts)
                .containsEntry("driver", driver)
                .containsEntry("executors", "[SortShuffleManager]")
                .containsEntry("sum", "1770.0");
        List<String> log = Files.readAllLines(submission.folder().resolve("driver.log"), StandardCharsets.UTF_8);
        assertThat(log)
                .filteredOn(line -> line.contains("instead of spark-mooncake"))
                .singleElement()
                .asString()
                .contains("WARN", "spark.mooncake.onUnsupported=sort", "spark.shuffle.useOldFetchProtocol=true");
    }
}
