// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Estimators of Spark ML learn the same from our shuffle and from Spark's own. */
final class MlShufflesIT {
    @Test
    void estimatorsLearnTheSameAsWithSparksOwnShuffle() throws IOException, InterruptedException {
        onEveryLayout(Layout.THREE_TCP);
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void onEveryLayout(Layout layout) throws IOException, InterruptedException {
        Map<String, String> ours =
                withSparkMl(Submission.of("4.1.3", "ml-shuffles").on(layout));
        Map<String, String> stock = withSparkMl(Submission.plain("4.1.3", "ml-shuffles"));
        assertThat(ours)
                .containsKeys("als", "fp-growth", "k-means", "random-forest", "spearman")
                .isEqualTo(stock);
    }

    /** On the class path, as in a distribution: Spark's aggregates do not find classes of {@code spark.jars}. */
    private static Map<String, String> withSparkMl(Submission submission) throws IOException, InterruptedException {
        String jars = SparkHome.sparkMlClassPath();
        return submission
                .conf("spark.sql.shuffle.partitions", "4")
                .conf("spark.default.parallelism", "4")
                .conf("spark.driver.extraClassPath", jars)
                .conf("spark.executor.extraClassPath", jars)
                .run();
    }
}
