// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Executors that come and go on purpose. */
final class ElasticIT {
    private static final String SPARK = System.getProperty("elastic.spark", "4.1.3");

    @Test
    void dynamicAllocationKeepsExecutorsThatHoldMapOutputs() throws IOException, InterruptedException {
        dynamicAllocation(Layout.THREE_ON_ONE_HOST);
    }

    @Test
    void aDecommissionedExecutorHandsItsMapOutputsOver() throws IOException, InterruptedException {
        decommission(Layout.THREE_TCP);
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void dynamicAllocation(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of(SPARK, "dynamic-allocation")
                .on(layout)
                .conf("spark.dynamicAllocation.enabled", "true")
                .conf("spark.dynamicAllocation.shuffleTracking.enabled", "true")
                .conf("spark.dynamicAllocation.minExecutors", "0")
                .conf("spark.dynamicAllocation.maxExecutors", Integer.toString(layout.executors()))
                .conf("spark.dynamicAllocation.executorIdleTimeout", "3s")
                .argument("idle-millis", 3_000)
                .run();
        assertThat(facts).containsEntry("still-there", "true");
        assertThat(facts.get("newcomers")).isNotEqualTo("[]").isNotEqualTo(facts.get("holders"));
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void decommission(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of(SPARK, "decommission")
                .on(layout)
                .conf("spark.decommission.enabled", "true")
                .conf("spark.storage.decommission.enabled", "true")
                .conf("spark.storage.decommission.shuffleBlocks.enabled", "true")
                .conf("spark.storage.decommission.replicationReattemptInterval", "1s")
                .run();
        assertThat(facts).containsEntry("map-tasks-run-again", "0");
    }
}
