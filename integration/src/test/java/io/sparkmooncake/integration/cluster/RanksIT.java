// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.integration.hosts.Processes;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Executors as ranks: what users call, the mistakes that they make, and ranks that fail. */
final class RanksIT {
    @Test
    void everyCallGivesItsResultAndEveryMistakeIsNamed() throws IOException, InterruptedException {
        everyCallOnEveryVersion("4.1.3", Layout.THREE_TCP);
    }

    @Tag("campaign")
    @ParameterizedTest
    @CsvSource({"3.5.9, THREE_ON_ONE_HOST", "4.0.4, THREE_ON_ONE_HOST", "4.2.0, THREE_ON_ONE_HOST"})
    void everyCallOnEveryVersion(String version, Layout layout) throws IOException, InterruptedException {
        int count = layout.executors();
        Map<String, String> facts = Submission.of(version, "rank-breadth")
                .on(layout)
                .conf("spark.scheduler.maxRegisteredResourcesWaitingTime", "3s")
                .run();
        assertThat(facts).containsEntry("version", version);
        assertThat(facts.get("slots"))
                .contains("tasks=" + (count + 1) + " must run at once, one for each partition, and slots=" + count
                        + " (executors=" + count + ", spark.task.cpus=1)")
                .contains("Use rdd.repartition(" + count + ")");
        assertThat(facts.get("ordinary-task"))
                .contains("cannot be a rank")
                .contains("Replace rdd.mapPartitions by rdd.barrier().mapPartitions");
        assertThat(facts.get("lengths")).contains("ALL_REDUCE float64[1]").contains("ALL_REDUCE float64[2]");
        assertThat(facts.get("name")).contains("name=a b is no name");
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void everyCallOnEveryLayout(Layout layout) throws IOException, InterruptedException {
        everyCallOnEveryVersion("4.1.3", layout);
    }

    @Test
    void aBrokenStageRunsAgainAndIsRight() throws IOException, InterruptedException {
        brokenStagesOnEveryLayout(Layout.THREE_ON_ONE_HOST);
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void brokenStagesOnEveryLayout(Layout layout) throws IOException, InterruptedException {
        int seeds = Integer.getInteger("ranks.seeds", 1);
        Submission submission = Submission.of("4.1.3", "rank-failures").on(layout);
        Path folder = submission.folder().resolve("ranks");
        Processes.delete(folder);
        Map<String, String> facts = submission
                .argument("folder", folder)
                .argument("seeds", seeds)
                .deadline(Duration.ofMinutes(20 + 5L * seeds))
                .run();
        assertThat(facts.get("THROW"))
                .contains("ABORTED: communicator=stage-")
                .contains("epoch=0: rank 1 gave up: task ")
                .contains("failed: java.lang.IllegalStateException: a row cannot be parsed");
        assertThat(facts.get("KILL_TASK")).contains("ABORTED: ").contains("was killed: killed by its user");
        assertThat(facts.get("KILL_EXECUTOR")).contains("RANK_LOST: ").contains("rank 1 (");
        assertThat(facts.get("KILL_EXECUTOR_BEFORE_SHUFFLE")).contains("RANK_LOST: ");
        assertThat(facts).containsKeys("KILL_TASK.noticed.millis", "KILL_EXECUTOR.noticed.millis");
    }
}
