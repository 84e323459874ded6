// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Three executors that reach each other over tcp only, so that every task reads from itself and from two peers at once. */
final class PeersIT {
    /**
     * One reducer reads 40 MiB of each map output: its blocks go on in part after part. Then an executor stands still for longer
     * than the deadline of a transfer, as when a virtual machine moves to another host, and keeps its outputs.
     */
    @Test
    void longBlocksAreReadWholeAndAPauseOfAnExecutorLosesNothing() throws IOException, InterruptedException {
        Map<String, String> facts = submission("long-blocks,pause")
                .conf("spark.mooncake.transfer.timeout", "5s")
                .argument("pause-millis", 9_000)
                .argument("rows", 40)
                .argument("bytes", 1 << 20)
                .argument("reducers", 1)
                .run();
        assertThat(facts).containsEntry("fetches-failed", "0").containsEntry("tasks-failed", "0");
        assertThat(Long.parseLong(facts.get("tcp"))).isGreaterThan(80L << 20);
    }

    /** A stream that is not compressed has nothing that distinguishes foreign bytes from its own. */
    @Test
    void combinedBlocksAreReadWhole() throws IOException, InterruptedException {
        Map<String, String> facts = submission("combined")
                .conf("spark.mooncake.shuffle.compress", "false")
                .argument("rows", 120_000)
                .argument("bytes", 304)
                .argument("reducers", 1)
                .run();
        assertThat(facts).containsEntry("fetches-failed", "0").containsEntry("tasks-failed", "0");
    }

    @Test
    void littleDirectMemoryIsWaitedFor() throws IOException, InterruptedException {
        Map<String, String> facts = submission("wide-rows")
                .master("local-cluster[3,4,1536]")
                .conf("spark.executor.extraJavaOptions", "-XX:MaxDirectMemorySize=48m")
                .conf("spark.network.maxRemoteBlockSizeFetchToMem", "32m")
                .conf("spark.mooncake.shuffle.compress", "false")
                .conf("spark.sql.adaptive.enabled", "false")
                .argument("rows", 200_000)
                .argument("reducers", 8)
                .run();
        assertThat(facts).containsEntry("fetches-failed", "0").containsEntry("tasks-failed", "0");
    }

    private static Submission submission(String jobs) throws IOException, InterruptedException {
        return Submission.of("4.1.3", "peers")
                .master("local-cluster[3,1,1536]")
                .conf("spark.executor.memory", "1536m")
                .conf("spark.mooncake.transfer.paths", "tcp")
                .conf("spark.mooncake.shuffle.memory", "256m")
                .conf("spark.mooncake.memory.segment", "32m")
                .conf("spark.mooncake.shuffle.write.buffer", "32m")
                .conf("spark.locality.wait", "0")
                .argument("jobs", jobs)
                .argument("maps", 3)
                .argument("executors", 3);
    }
}
