// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The one jar on every Spark that it names, with an executor killed between two jobs and another in the middle of one. */
final class VersionsIT {
    /** The oldest and the newest; other tests run on 4.1.3 and 4.2.0, and the campaign on every one. */
    @ParameterizedTest
    @CsvSource({"3.5.9, THREE_ON_ONE_HOST", "4.3.0, THREE_TCP"})
    void shufflesAndOutlivesItsExecutors(String version, Layout layout) throws IOException, InterruptedException {
        assumeTrue(SparkHome.isAvailable(version), "no jars of Spark " + version + " could be installed here");
        Map<String, String> facts =
                Submission.of(version, "kill-once").on(layout).run();
        assertThat(facts).containsEntry("version", version);
        assertThat(Long.parseLong(facts.get("written"))).isPositive();
        assertThat(Long.parseLong(facts.get("shm")) > 0).isEqualTo(layout.usesShm());
        assertThat(Long.parseLong(facts.get("tcp")) > 0).isEqualTo(layout.usesTcp());
    }

    @Tag("campaign")
    @ParameterizedTest
    @MethodSource("everywhere")
    void onEveryLayout(String version, Layout layout) throws IOException, InterruptedException {
        shufflesAndOutlivesItsExecutors(version, layout);
    }

    static Stream<Arguments> everywhere() {
        return Stream.of("3.5.9", "4.0.4", "4.1.3", "4.2.0", "4.3.0")
                .flatMap(version -> Stream.of(Layout.values()).map(layout -> Arguments.of(version, layout)));
    }
}
