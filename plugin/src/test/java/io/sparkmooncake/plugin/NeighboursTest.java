// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.Owner;
import io.sparkmooncake.transfer.store.RemoteStore;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class NeighboursTest {
    private static final PeerRecord SELF = new PeerRecord("1", 7, "here", 1, Map.of());

    private final HostedStore hosted = new HostedStore(1 << 20);
    private final AgentThread agent = AgentThread.start("test");
    private final RemoteStore store = RemoteStore.start("test", agent, hosted::answer, Duration.ofSeconds(60));
    private long epoch = 100;
    private final List<String> gone = new CopyOnWriteArrayList<>();

    private PeerRecord record(String name, String host) {
        return new PeerRecord(name, epoch++, host, 1, Map.of());
    }

    @AfterEach
    void close() {
        store.close();
        agent.close();
    }

    @Test
    void sharesMemoryWithItsHostOnly() throws Exception {
        try (Neighbours neighbours = new Neighbours(SELF, true)) {
            assertThat(neighbours.allShareMemory())
                    .as("before the first look, so the first map outputs are compressed")
                    .isFalse();
            neighbours.follow(store, gone::add);
            publish(SELF);
            publish(record("2", "here"));
            awaitSeen(neighbours);
            assertThat(neighbours.allShareMemory()).isTrue();
            publish(record("3", "there"));
            awaitSeen(neighbours);
            assertThat(neighbours.allShareMemory()).isFalse();
        }
    }

    @Test
    void sharesMemoryWithItselfOnlyWhereThePathIsOff() throws Exception {
        try (Neighbours neighbours = new Neighbours(SELF, false)) {
            neighbours.follow(store, gone::add);
            publish(SELF);
            awaitSeen(neighbours);
            assertThat(neighbours.allShareMemory()).isTrue();
            publish(record("2", "here"));
            awaitSeen(neighbours);
            assertThat(neighbours.allShareMemory()).isFalse();
        }
    }

    @Test
    void tellsWhoIsGone() throws Exception {
        try (Neighbours neighbours = new Neighbours(SELF, true)) {
            neighbours.follow(store, gone::add);
            publish(record("3", "there"));
            awaitSeen(neighbours);
            assertThat(neighbours.allShareMemory()).isFalse();
            hosted.ownerLost("3", "killed");
            awaitSeen(neighbours);
            assertThat(gone).contains("3");
            assertThat(neighbours.allShareMemory()).isTrue();
        }
    }

    /** Everything before a key that comes and goes has been seen when its going is. */
    private void awaitSeen(Neighbours neighbours) throws Exception {
        gone.remove("marker");
        publish(record("marker", "here"));
        hosted.ownerLost("marker", "seen");
        neighbours.lookNow();
        await().atMost(Duration.ofMinutes(2)).until(() -> gone.contains("marker"));
    }

    private void publish(PeerRecord record) throws Exception {
        assertThat(store.claim(
                                "peers/" + record.name(),
                                Blob.of(record.encode()),
                                new Owner(record.name(), record.epoch(), record.host()))
                        .get(60, TimeUnit.SECONDS))
                .isPositive();
    }
}
