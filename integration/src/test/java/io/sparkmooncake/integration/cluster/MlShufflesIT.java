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
        // On the class path, as in a distribution: Spark's aggregates do not find classes of spark.jars.
        String jars = SparkHome.sparkMlClassPath();
        Map<String, String> facts = Submission.of("4.1.3", "ml-shuffles")
                .on(layout)
                .conf("spark.sql.shuffle.partitions", "4")
                .conf("spark.default.parallelism", "4")
                .conf("spark.driver.extraClassPath", jars)
                .conf("spark.executor.extraClassPath", jars)
                .run();
        for (String learned : List.of("als", "fp-growth", "k-means", "random-forest", "spearman")) {
            assertThat(facts).containsKey(learned).containsEntry("stock." + learned, facts.get(learned));
        }
    }
}
