// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Map tasks that give other rows when they run again, after part of what they gave first was read. That they do, and that a
 * result of both is wrong, is what {@link #withoutRowChecksumsTheSameKillGivesAWrongResult} shows.
 */
final class RetryIT {
    private static final int MAPS = 6;
    private static final int READERS = 12;

    /** Spark 4.2 runs lost map tasks only, and compares row checksums to know that their readers must all run again. */
    @ParameterizedTest
    @EnumSource(names = "THREE_TCP")
    void rowChecksumsTellThatReadersMustRunAgain(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = submission(layout, "4.2.0", "BY_PLACE")
                .argument("result-stage", true)
                .run();
        assertThat(facts)
                .containsEntry("lost", "0")
                .containsEntry("duplicated", "0")
                .containsEntry("mixed-map-tasks", "0")
                .containsEntry("reading-tasks-run-again", Integer.toString(READERS))
                .containsEntry("map-tasks-of-another-generation", facts.get("map-tasks-run-again"));
        assertThat(Integer.parseInt(facts.get("map-tasks-run-again"))).isBetween(1, MAPS - 1);
        assertThat(facts.get("result-stage")).contains("indeterminate output", "cannot rollback");
    }

    @ParameterizedTest
    @EnumSource(names = "THREE_TCP")
    void withoutRowChecksumsTheSameKillGivesAWrongResult(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = submission(layout, "4.2.0", "BY_PLACE")
                .conf("spark.sql.shuffle.orderIndependentChecksum.enabled", "false")
                .conf("spark.sql.shuffle.orderIndependentChecksum.enableFullRetryOnMismatch", "false")
                .argument("result-stage", false)
                .run();
        assertThat(facts.get("lost")).isNotEqualTo("0");
        assertThat(facts.get("duplicated")).isNotEqualTo("0");
        assertThat(facts.get("mixed-map-tasks")).isNotEqualTo("0");
    }

    /** Without checksums Spark rolls back whole stages, where it knows that they are indeterminate. */
    @ParameterizedTest
    @EnumSource(names = "THREE_ON_ONE_HOST")
    void anIndeterminateStageIsRunAgainAsAWhole(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = submission(layout, "4.1.3", "ROUND_ROBIN")
                .conf("spark.sql.execution.sortBeforeRepartition", "false")
                .argument("result-stage", true)
                .run();
        assertThat(facts)
                .containsEntry("lost", "0")
                .containsEntry("duplicated", "0")
                .containsEntry("mixed-map-tasks", "0")
                .containsEntry("reading-tasks-run-again", Integer.toString(READERS))
                .containsEntry("map-tasks-run-again", Integer.toString(MAPS))
                .containsEntry("map-tasks-of-another-generation", Integer.toString(MAPS));
        assertThat(facts.get("result-stage")).contains("indeterminate output", "cannot rollback");
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void onEveryLayout(Layout layout) throws IOException, InterruptedException {
        rowChecksumsTellThatReadersMustRunAgain(layout);
        withoutRowChecksumsTheSameKillGivesAWrongResult(layout);
        anIndeterminateStageIsRunAgainAsAWhole(layout);
    }

    private static Submission submission(Layout layout, String version, String exchange)
            throws IOException, InterruptedException {
        return Submission.of(version, "indeterminate-retry")
                .on(layout)
                .conf("spark.sql.adaptive.enabled", "false")
                .argument("exchange", exchange);
    }
}
