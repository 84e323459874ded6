// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The one jar on every Spark that it names, with an executor killed between two jobs and another in the middle of one. */
final class VersionsIT {
    @ParameterizedTest
    @ValueSource(strings = {"3.5.9", "4.0.4", "4.1.3", "4.2.0", "4.3.0"})
    void shufflesAndOutlivesItsExecutors(String version) throws IOException, InterruptedException {
        assumeTrue(SparkHome.isAvailable(version), "no jars of Spark " + version + " could be installed here");
        Map<String, String> facts = Submission.of(version, "kill-once").run();
        assertThat(facts).containsEntry("version", version).containsEntry("tcp", "0");
        assertThat(Long.parseLong(facts.get("written"))).isPositive();
        assertThat(Long.parseLong(facts.get("shm"))).isPositive();
    }
}
