// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Sorted records that take far more memory than their compressed blocks did. */
final class WideSortIT {
    private static final int VECTORS = 16_000;
    private static final int BOXES = 1_000;

    @Test
    void threeExecutorsSortMoreThanTheirHeapsHold() throws IOException, InterruptedException {
        sort(3, VECTORS, BOXES);
    }

    @Tag("campaign")
    @Test
    void twoExecutorsSortMoreThanTheirHeapsHold() throws IOException, InterruptedException {
        sort(2, VECTORS, 0);
    }

    private static void sort(int executors, int vectors, int boxes) throws IOException, InterruptedException {
        Map<String, String> facts = Submission.of("4.1.3", "wide-sort")
                .master("local-cluster[" + executors + ",1,1024]")
                .conf("spark.executor.memory", "640m")
                .conf("spark.mooncake.shuffle.compress", "true")
                .argument("vector", vectors)
                .argument("boxes", boxes)
                .argument("width", 1_250)
                .deadline(Duration.ofMinutes(15))
                .run();
        assertThat(facts).containsEntry("vector", Integer.toString(vectors));
        assertThat(facts.getOrDefault("boxes", "0")).isEqualTo(Integer.toString(boxes));
    }
}
