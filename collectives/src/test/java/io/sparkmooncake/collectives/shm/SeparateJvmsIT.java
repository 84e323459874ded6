// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.testing.RankJvm;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Three ranks in three JVMs. */
final class SeparateJvmsIT {
    private static final int SIZE = 3;
    private static final Duration PATIENCE = Duration.ofSeconds(100);

    private final HostedStore host = new HostedStore(1 << 20);
    private final AgentThread agent = AgentThread.start("test");
    private final RemoteStore store = RemoteStore.start("test", agent, host::answer, PATIENCE);
    private final List<RankJvm> ranks = new ArrayList<>();

    @AfterEach
    void end() {
        ranks.forEach(RankJvm::close);
        store.close();
        agent.close();
    }

    private void start(int times, int timeoutSeconds) throws Exception {
        for (int rank = 0; rank < SIZE; rank++) {
            ranks.add(RankJvm.start(host, rank, SIZE, times, timeoutSeconds));
        }
    }

    private String await(String key) throws Exception {
        byte[] value = store.await(key, PATIENCE)
                .get(PATIENCE.toSeconds() + 5, TimeUnit.SECONDS)
                .bytes()
                .toBytes();
        return new String(value, StandardCharsets.UTF_8);
    }

    private void awaitStarted() throws Exception {
        for (int rank = 0; rank < SIZE; rank++) {
            assertThat(await("started/" + rank)).isEmpty();
        }
    }

    @Test
    void theyReduceRightEveryTime() throws Exception {
        start(500, 60);
        for (int rank = 0; rank < SIZE; rank++) {
            assertThat(await("result/" + rank)).isEqualTo("done 500");
        }
    }

    @Test
    void aKilledRankFailsTheOthersAlikeAndLongBeforeTheDeadline() throws Exception {
        start(0, 90);
        awaitStarted();
        long startNanos = System.nanoTime();
        ranks.get(1).kill();
        String first = await("result/0");
        assertThat(first).startsWith("RANK_LOST\ncommunicator=jvms epoch=1: rank 1 (127.0.0.1:");
        assertThat(await("result/2")).isEqualTo(first);
        assertThat(Duration.ofNanos(System.nanoTime() - startNanos)).isLessThan(Duration.ofSeconds(90));
    }

    @Test
    void aFrozenRankFailsAllAlikeAndItselfOnceItThaws() throws Exception {
        start(0, 3);
        awaitStarted();
        ranks.get(0).freeze();
        String first = await("result/1");
        assertThat(first)
                .startsWith("TIMED_OUT\ncommunicator=jvms epoch=1: rank 0 (127.0.0.1:")
                .contains("within 3.0 s");
        assertThat(await("result/2")).isEqualTo(first);
        ranks.get(0).thaw();
        assertThat(await("result/0")).isEqualTo(first);
    }
}
