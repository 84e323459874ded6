// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Records, partitions and numbers of partitions near what Spark allows, with pages and write buffers of a few MiB; the program
 * verifies every byte that is read. More than half a GiB of map output goes to files.
 */
final class SizesIT {
    private static final long MIB = 1 << 20;

    @Test
    void sharedMemoryCarriesEverySize() throws IOException, InterruptedException {
        Map<String, String> facts =
                run(submission(), "kryo-record,java-record,sql-row,partition,1000000,16777216,16777217");
        assertThat(bytes(facts, "sql-row")).isGreaterThan(200 * MIB);
        assertThat(bytes(facts, "1000000")).isBetween(10_000L, 11_000L);
        assertThat(bytes(facts, "16777216")).isBetween(10_000L, 11_000L);
        assertThat(bytes(facts, "16777217")).isBetween(10_000L, 11_000L);
    }

    /** Without shared memory blocks are compressed, too, as far as noise can be. */
    @Test
    void tcpCarriesLargeRecordsAndPartitions() throws IOException, InterruptedException {
        Map<String, String> facts = run(
                submission().conf("spark.mooncake.transfer.paths", "tcp"), "kryo-record,java-record,sql-row,partition");
        assertThat(bytes(facts, "sql-row")).isBetween(1L, 10 * MIB);
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

    private static Submission submission() throws IOException, InterruptedException {
        return Submission.of("4.1.3", "sizes")
                .master("local-cluster[2,1,1536]")
                .conf("spark.executor.memory", "1536m")
                .conf("spark.driver.memory", "1536m")
                .conf("spark.buffer.pageSize", "2m")
                .conf("spark.mooncake.shuffle.memory", "512m")
                .conf("spark.mooncake.memory.segment", "32m")
                .conf("spark.mooncake.shuffle.write.buffer", "8m");
    }
}
