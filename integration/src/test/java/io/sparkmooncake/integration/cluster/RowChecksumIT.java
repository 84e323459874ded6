// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Spark 4.2 trusts the row checksum of a map output to tell whether a rerun gave other rows. A writer that leaves it 0 would
 * make every rerun look the same, and results silently wrong.
 */
final class RowChecksumIT {
    @ParameterizedTest
    @CsvSource({"4.1.3, THREE_ON_ONE_HOST", "4.2.0, THREE_TCP"})
    void mapOutputsCarryIt(String version, Layout layout) throws IOException, InterruptedException {
        Submission submission = Submission.of(version, "row-checksums").on(layout);
        if (version.equals("4.1.3")) {
            submission.conf("spark.sql.shuffle.orderIndependentChecksum.enabled", "true");
        }
        Map<String, String> facts = submission.run();
        List<Long> rows = numbers(facts, "rows");
        assertThat(rows).hasSize(2).doesNotContain(0L);
        assertThat(numbers(facts, "rerun")).isEqualTo(rows);
        assertThat(numbers(facts, "reversed")).isEqualTo(rows);
        assertThat(numbers(facts, "different").get(0)).isNotIn(0L, rows.get(0));
        assertThat(numbers(facts, "different").get(1)).isNotIn(0L, rows.get(1));
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void onEveryLayout(Layout layout) throws IOException, InterruptedException {
        mapOutputsCarryIt("4.2.0", layout);
    }

    private static List<Long> numbers(Map<String, String> facts, String name) {
        String list = facts.getOrDefault(name, "[]");
        return List.of(list.substring(1, list.length() - 1).split(", ", -1)).stream()
                .map(Long::valueOf)
                .toList();
    }
}
