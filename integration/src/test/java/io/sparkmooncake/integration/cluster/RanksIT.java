// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Executors as ranks: what users call, the mistakes that they make, and ranks that fail. */
final class RanksIT {
    @ParameterizedTest
    @ValueSource(strings = {"3.5.9", "4.0.4", "4.1.3", "4.2.0"})
    void everyCallGivesItsResultAndEveryMistakeIsNamed(String version) throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of(version, "rank-breadth")
                .conf("spark.scheduler.maxRegisteredResourcesWaitingTime", "3s")
                .run();
        assertThat(facts).containsEntry("version", version);
        assertThat(facts.get("slots"))
                .contains(
                        "tasks=3 must run at once, one for each partition, and slots=2 (executors=2, spark.task.cpus=1)")
                .contains("Use rdd.repartition(2)");
        assertThat(Integer.parseInt(facts.get("slots.millis"))).isLessThan(10_000);
        assertThat(facts.get("ordinary-task"))
                .contains("cannot be a rank")
                .contains("Replace rdd.mapPartitions by rdd.barrier().mapPartitions");
        assertThat(facts.get("lengths")).contains("ALL_REDUCE float64[1]").contains("ALL_REDUCE float64[2]");
        assertThat(facts.get("name")).contains("name=a b is no name");
    }

    @Test
    void aBrokenStageRunsAgainAndIsRight() throws IOException, InterruptedException {
        int seeds = Integer.getInteger("ranks.seeds", 1);
        Submission submission = Submission.of("4.1.3", "rank-failures");
        Path folder = submission.folder().resolve("ranks");
        Processes.delete(folder);
        Map<String, String> facts = submission
                .argument("folder", folder)
                .argument("seeds", seeds)
                .deadline(Duration.ofSeconds(150 + 60L * seeds))
                .run();
        assertThat(facts.get("THROW"))
                .contains("ABORTED: communicator=stage-")
                .contains("epoch=0: rank 1 gave up: task ")
                .contains("failed: java.lang.IllegalStateException: a row cannot be parsed");
        assertThat(facts.get("KILL_TASK")).contains("ABORTED: ").contains("was killed: killed by its user");
        assertThat(facts.get("KILL_EXECUTOR")).contains("RANK_LOST: ").contains("rank 1 (");
        assertThat(facts.get("KILL_EXECUTOR_BEFORE_SHUFFLE")).contains("RANK_LOST: ");
        assertThat(Integer.parseInt(facts.get("KILL_TASK.noticed.millis"))).isLessThan(5_000);
        assertThat(Integer.parseInt(facts.get("KILL_EXECUTOR.noticed.millis"))).isLessThan(5_000);
        assertThat(Integer.parseInt(facts.get("THROW_BEFORE_JOINING.millis"))).isLessThan(30_000);
    }
}
