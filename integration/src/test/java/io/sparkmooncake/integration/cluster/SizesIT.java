// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Records, partitions and numbers of partitions near what Spark allows, with pages and write buffers of a few MiB; the program
 * verifies every byte that is read. More than half a GiB of map output goes to files.
 */
final class SizesIT {
    private static final long MIB = 1 << 20;

    @Test
    void largeRecordsAndManyPartitions() throws IOException, InterruptedException {
        Map<String, String> facts = submission(Layout.THREE_TCP)
                .argument("steps", "kryo-record,1000000")
                .run();
        assertThat(bytes(facts, "kryo-record")).isGreaterThan(400 * MIB);
        assertThat(bytes(facts, "1000000")).isBetween(10_000L, 11_000L);
    }

    /** Between hosts blocks are compressed, too, as far as noise can be. */
    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void everySizeOnEveryLayout(Layout layout) throws IOException, InterruptedException {
        Map<String, String> facts =
                run(submission(layout), "kryo-record,java-record,sql-row,partition,1000000,16777216,16777217");
        if (layout.usesTcp()) {
            assertThat(bytes(facts, "sql-row")).isBetween(1L, 10 * MIB);
        } else {
            assertThat(bytes(facts, "sql-row")).isGreaterThan(200 * MIB);
        }
        assertThat(bytes(facts, "1000000")).isBetween(10_000L, 11_000L);
        assertThat(bytes(facts, "16777216")).isBetween(10_000L, 11_000L);
        assertThat(bytes(facts, "16777217")).isBetween(10_000L, 11_000L);
    }

    private static Map<String, String> run(Submission submission, String steps)
            throws IOException, InterruptedException {
        Map<String, String> facts = submission.argument("steps", steps).run();
        assertThat(bytes(facts, "kryo-record")).isGreaterThan(400 * MIB);
        assertThat(bytes(facts, "java-record")).isGreaterThan(400 * MIB);
        assertThat(bytes(facts, "partition")).isGreaterThan(2_300 * MIB);
        return facts;
    }

    private static long bytes(Map<String, String> facts, String step) {
        return Long.parseLong(facts.get(step));
    }

    private static Submission submission(Layout layout) throws IOException, InterruptedException {
        return Submission.of("4.1.3", "sizes")
                .on(layout)
                .executorMemory(1536)
                .conf("spark.driver.memory", "1536m")
                .conf("spark.buffer.pageSize", "2m")
                .conf("spark.mooncake.shuffle.memory", "512m")
                .conf("spark.mooncake.memory.segment", "32m")
                .conf("spark.mooncake.shuffle.write.buffer", "8m");
    }
}
