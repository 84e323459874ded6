// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.testing.Footprint;
import io.sparkmooncake.collectives.testing.RankJvm;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** A long life of three ranks in three JVMs, more than this machine may have processors. */
final class SoakIT {
    private static final int SIZE = 3;
    private static final int OPERATIONS = 100_000;
    private static final Duration PATIENCE = Duration.ofSeconds(200);

    @Test
    void aHundredThousandSmallOperationsLeaveNothingBehind() throws Exception {
        HostedStore host = new HostedStore(1 << 20);
        List<RankJvm> ranks = new ArrayList<>();
        try (AgentThread agent = AgentThread.start("test");
                RemoteStore store = RemoteStore.start("test", agent, host::answer, PATIENCE)) {
            for (int rank = 0; rank < SIZE; rank++) {
                ranks.add(RankJvm.start(host, rank, SIZE, OPERATIONS, 60, "soak"));
            }
            for (int rank = 0; rank < SIZE; rank++) {
                byte[] result = store.await("result/" + rank, PATIENCE)
                        .get(PATIENCE.toSeconds() + 5, TimeUnit.SECONDS)
                        .bytes()
                        .toBytes();
                String text = new String(result, StandardCharsets.UTF_8);
                assertThat(text).matches("[-0-9 ]+");
                Footprint grown = Footprint.decode(text);
                // What measuring itself allocates is counted too: some hundred kilobytes, not one byte for each
                // operation.
                assertThat(grown.allocatedBytes()).as(text).isLessThan(4L * OPERATIONS);
                assertThat(grown.heapBytes()).as(text).isLessThan(1 << 20);
                assertThat(grown.residentBytes()).as(text).isLessThan(16 << 20);
                assertThat(grown.threads()).as(text).isLessThanOrEqualTo(0);
                assertThat(grown.descriptors()).as(text).isLessThanOrEqualTo(0);
            }
        } finally {
            ranks.forEach(RankJvm::close);
        }
    }
}
