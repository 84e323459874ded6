// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Every way of shuffling that users have, on two executors; the program verifies its results. */
final class BreadthIT {
    /** What the program writes when its blocks are neither compressed nor encrypted is a little more. */
    private static final long PLAIN_BYTES = 4_160_000;

    @Test
    void everyWayOfShufflingIsRight() throws IOException, InterruptedException {
        Map<String, String> facts = submission().run();
        assertThat(facts).containsEntry("micro-batches", "3").containsEntry("written-to-disk", "0");
        assertThat(number(facts, "shm")).isPositive();
        assertThat(number(facts, "written-to-memory")).isBetween(PLAIN_BYTES, PLAIN_BYTES + 10_000);
    }

    @Test
    void soItIsCompressed() throws IOException, InterruptedException {
        Map<String, String> facts =
                submission().conf("spark.mooncake.shuffle.compress", "true").run();
        assertThat(facts).containsEntry("micro-batches", "3");
        assertThat(number(facts, "written-to-memory")).isBetween(1L, PLAIN_BYTES * 3 / 4);
    }

    /** Every block begins with 16 random bytes of its own. */
    @Test
    void soItIsEncryptedAndInFiles() throws IOException, InterruptedException {
        Map<String, String> facts = submission()
                .conf("spark.io.encryption.enabled", "true")
                .conf("spark.mooncake.shuffle.memory", "1m")
                .run();
        assertThat(facts).containsEntry("micro-batches", "3");
        assertThat(number(facts, "written-to-disk")).isPositive();
        assertThat(number(facts, "written-to-memory") + number(facts, "written-to-disk"))
                .isGreaterThan(PLAIN_BYTES + 10_000);
    }

    private static long number(Map<String, String> facts, String name) {
        return Long.parseLong(facts.get(name));
    }

    private static Submission submission() throws IOException, InterruptedException {
        Submission submission = Submission.of("4.1.3", "breadth");
        return submission
                .conf("spark.shuffle.spill.numElementsForceSpillThreshold", "1500")
                .argument("folder", submission.folder().resolve("scratch").resolve("stream"));
    }
}
