// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.Owner;
import io.sparkmooncake.transfer.store.RemoteStore;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class LostExecutorsTest {
    private final HostedStore hosted = new HostedStore(1 << 20);
    private final AgentThread agent = AgentThread.start("test");
    private final RemoteStore store = RemoteStore.start("test", agent, hosted::answer, Duration.ofSeconds(60));
    private final LostExecutors listener = new LostExecutors(hosted);

    @AfterEach
    void close() {
        store.close();
        agent.close();
    }

    @Test
    void takesARemovedExecutorOutOfTheStoreAndKeepsSparksReason() throws Exception {
        claim("peers/1", new Owner("1", 7, "a:1"));
        claim("peers/2", new Owner("2", 8, "b:1"));
        listener.onExecutorRemoved(new SparkListenerExecutorRemoved(0, "1", "Container killed by YARN"));
        assertThat(store.get("peers/1").get(60, TimeUnit.SECONDS)).isEmpty();
        assertThat(store.get("peers/2").get(60, TimeUnit.SECONDS)).isPresent();
        assertThatThrownBy(() -> store.claim("peers/1", Blob.of("again"), new Owner("1", 7, "a:1"))
                        .get(60, TimeUnit.SECONDS))
                .hasCauseInstanceOf(TransferException.class)
                .hasMessageContaining("Spark removed the executor: Container killed by YARN");
    }

    @Test
    void ignoresExecutorsThatHoldNothing() {
        listener.onExecutorRemoved(new SparkListenerExecutorRemoved(0, "9", "idle"));
        assertThat(hosted.figures().keys()).isZero();
    }

    private void claim(String key, Owner owner) throws Exception {
        assertThat(store.claim(key, Blob.of("record"), owner).get(60, TimeUnit.SECONDS))
                .isPositive();
    }
}
