// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every way of shuffling that users have; the program verifies its results. */
final class BreadthIT {
    /** What the program writes when its blocks are neither compressed nor encrypted is a little more. */
    private static final long PLAIN_BYTES = 4_160_000;

    @Test
    void everyWayOfShufflingIsRightOnSeveralHosts() throws IOException, InterruptedException {
        plain(Layout.TWO_BY_TWO);
    }

    @Test
    void soItIsEncryptedAndInFiles() throws IOException, InterruptedException {
        encrypted(Layout.THREE_ON_ONE_HOST);
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void plain(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = submission(layout)
                .conf("spark.mooncake.shuffle.compress", "false")
                .run();
        verify(layout, facts);
        assertThat(facts).containsEntry("written-to-disk", "0");
        assertThat(number(facts, "written-to-memory")).isBetween(PLAIN_BYTES, PLAIN_BYTES + 10_000);
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void compressed(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = submission(layout)
                .conf("spark.mooncake.shuffle.compress", "true")
                .run();
        verify(layout, facts);
        assertThat(number(facts, "written-to-memory")).isBetween(1L, PLAIN_BYTES * 3 / 4);
    }

    /** Every block begins with 16 random bytes of its own. */
    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void encrypted(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts = submission(layout)
                .conf("spark.mooncake.shuffle.compress", "false")
                .conf("spark.io.encryption.enabled", "true")
                .conf("spark.mooncake.shuffle.memory", "1m")
                .run();
        verify(layout, facts);
        assertThat(number(facts, "written-to-disk")).isPositive();
        assertThat(number(facts, "written-to-memory") + number(facts, "written-to-disk"))
                .isGreaterThan(PLAIN_BYTES + 10_000);
    }

    private static void verify(Layout layout, Map<String, String> facts) {
        assertThat(facts).containsEntry("micro-batches", "3");
        assertThat(number(facts, "shm") > 0).as("shm on %s: %s", layout, facts).isEqualTo(layout.usesShm());
        assertThat(number(facts, "tcp") > 0).as("tcp on %s: %s", layout, facts).isEqualTo(layout.usesTcp());
    }

    private static long number(Map<String, String> facts, String name) {
        return Long.parseLong(facts.get(name));
    }

    private static Submission submission(Layout layout) throws IOException, InterruptedException {
        Submission submission = Submission.of("4.1.3", "breadth").on(layout);
        return submission
                .conf("spark.shuffle.spill.numElementsForceSpillThreshold", "1500")
                .argument("folder", submission.folder().resolve("scratch").resolve("stream"));
    }
}
