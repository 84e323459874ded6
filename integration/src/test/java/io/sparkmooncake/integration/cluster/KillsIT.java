// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Executors killed at random moments: {@code -Dkills.seeds=20 -Dkills.first=100} for a longer walk. */
@Timeout(value = 6, unit = TimeUnit.HOURS)
final class KillsIT {
    @Test
    void resultsAreRightAndNothingIsLeft() throws IOException, InterruptedException {
        onEveryLayout(Layout.THREE_TCP);
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void onEveryLayout(Layout layout) throws IOException, InterruptedException {
        int seeds = Integer.getInteger("kills.seeds", 5);
        Map<String, String> facts = Submission.of(System.getProperty("kills.spark", "4.1.3"), "kills")
                .on(layout)
                .argument("first", Integer.getInteger("kills.first", 0))
                .argument("seeds", seeds)
                .deadline(Duration.ofMinutes(20 + 5L * seeds))
                .run();
        assertThat(facts).containsEntry("seeds", Integer.toString(seeds));
    }
}
