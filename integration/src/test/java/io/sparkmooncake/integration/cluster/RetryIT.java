// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Map tasks that give other rows when they run again, after part of what they gave first was read. That they do, and that a
 * result of both is wrong, is what the same kill without row checksums shows.
 */
final class RetryIT {
    private static final int MAPS = 6;
    private static final int READERS = 12;

    /** Spark 4.1 computes row checksums only if a setting asks for them. */
    @Tag("campaign")
    @Test
    void mapOutputsOfSpark41CarryRowChecksums() throws IOException, InterruptedException {
        requireRowChecksums(submission(Layout.THREE_ON_ONE_HOST, "4.1.3", "BY_PLACE")
                .conf("spark.sql.shuffle.orderIndependentChecksum.enabled", "true")
                .argument("steps", "row-checksums")
                .run());
    }

    @Test
    void rowChecksumsTellThatReadersMustRunAgain() throws IOException, InterruptedException {
        withAndWithoutRowChecksums(Layout.THREE_TCP);
    }

    @Test
    void anIndeterminateStageIsRunAgainAsAWhole() throws IOException, InterruptedException {
        wholeStages(Layout.THREE_ON_ONE_HOST);
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void onEveryLayout(Layout layout) throws IOException, InterruptedException {
        withAndWithoutRowChecksums(layout);
        wholeStages(layout);
    }

    /** Spark 4.2 runs lost map tasks only, and compares row checksums to know that their readers must all run again. */
    private static void withAndWithoutRowChecksums(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = submission(layout, "4.2.0", "BY_PLACE")
                .argument("steps", "row-checksums,stages,result-stage,unchecked")
                .run();
        requireRowChecksums(facts);
        requireNothingMixed(facts);
        assertThat(facts)
                .containsEntry("map-tasks-of-another-generation", facts.get("map-tasks-run-again"))
                .hasEntrySatisfying(
                        "map-tasks-run-again",
                        tasks -> assertThat(Integer.parseInt(tasks)).isBetween(1, MAPS - 1));
        for (String wrong : List.of("lost", "duplicated", "mixed-map-tasks")) {
            assertThat(facts)
                    .hasEntrySatisfying(
                            "unchecked." + wrong, count -> assertThat(count).isNotEqualTo("0"));
        }
    }

    /** Without checksums Spark rolls back whole stages, if it knows that they are indeterminate. */
    private static void wholeStages(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = submission(layout, "4.1.3", "ROUND_ROBIN")
                .conf("spark.sql.execution.sortBeforeRepartition", "false")
                .argument("steps", "stages,result-stage")
                .run();
        requireNothingMixed(facts);
        assertThat(facts)
                .containsEntry("map-tasks-run-again", Integer.toString(MAPS))
                .containsEntry("map-tasks-of-another-generation", Integer.toString(MAPS));
    }

    private static void requireNothingMixed(Map<String, String> facts) {
        assertThat(facts)
                .containsEntry("lost", "0")
                .containsEntry("duplicated", "0")
                .containsEntry("mixed-map-tasks", "0")
                .containsEntry("reading-tasks-run-again", Integer.toString(READERS));
        assertThat(facts.get("result-stage")).contains("indeterminate output", "cannot rollback");
    }

    /** A writer that left a checksum 0 would make every rerun look the same, and results silently wrong. */
    private static void requireRowChecksums(Map<String, String> facts) {
        List<String> rows = checksums(facts, "rows");
        assertThat(rows).hasSize(2).doesNotContain("0");
        assertThat(checksums(facts, "rerun")).isEqualTo(rows);
        assertThat(checksums(facts, "reversed")).isEqualTo(rows);
        List<String> different = checksums(facts, "different");
        assertThat(different).hasSize(2).doesNotContain("0");
        assertThat(different.get(0)).isNotEqualTo(rows.get(0));
        assertThat(different.get(1)).isNotEqualTo(rows.get(1));
    }

    private static List<String> checksums(Map<String, String> facts, String of) {
        String list = facts.getOrDefault("checksums-of-" + of, "[]");
        return List.of(list.substring(1, list.length() - 1).split(", ", -1));
    }

    private static Submission submission(Layout layout, String version, String exchange)
            throws IOException, InterruptedException {
        return Submission.of(version, "indeterminate-retry")
                .on(layout)
                .conf("spark.sql.adaptive.enabled", "false")
                .argument("exchange", exchange);
    }
}
