// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.AgentThread;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The store with real threads. */
final class StoreThreadsTest {
    private static final int CLIENTS = 8;
    private static final int ROUNDS = 300;

    private final HostedStore host = new HostedStore(1 << 20);
    private final AgentThread agent = AgentThread.start("threads-test");

    @AfterEach
    void close() {
        agent.close();
    }

    private RemoteStore open(int client, StoreChannel channel, Duration timeout) {
        return RemoteStore.start("client-" + client, agent, channel, timeout);
    }

    @Test
    void noIncrementIsLostWhenManyClientsCompareAndSet() throws Exception {
        List<Thread> threads = new ArrayList<>();
        List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < CLIENTS; i++) {
            RemoteStore store = open(i, host::answer, Duration.ofSeconds(60));
            Thread thread = new Thread(() -> increment(store), "incrementing-" + i);
            thread.setUncaughtExceptionHandler((t, e) -> failures.add(e));
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join(120_000);
        }
        assertThat(failures).isEmpty();
        RemoteStore reader = open(99, host::answer, Duration.ofSeconds(60));
        long swapped = reader.get("swapped")
                .get(60, TimeUnit.SECONDS)
                .map(StoreThreadsTest::number)
                .orElse(-1L);
        assertThat(swapped).isEqualTo(CLIENTS * ROUNDS);
        assertThat(reader.add("added", 0).get(60, TimeUnit.SECONDS)).isEqualTo(CLIENTS * ROUNDS);
        reader.close();
    }

    private static void increment(RemoteStore store) {
        try (store) {
            for (int i = 0; i < ROUNDS; i++) {
                var unused = store.add("added", 1).join();
                Optional<StoreValue> current = store.get("swapped").join();
                Store.Swap swap;
                do {
                    Blob next = Blob.of(ByteBuffer.allocate(8)
                            .putLong(current.map(StoreThreadsTest::number).orElse(0L) + 1)
                            .array());
                    swap = store.compareAndSet("swapped", current.map(StoreValue::bytes), next)
                            .join();
                    current = swap.current();
                } while (!swap.done());
            }
        }
    }

    private static long number(StoreValue value) {
        return ByteBuffer.wrap(value.bytes().toBytes()).getLong();
    }

    @Test
    void exactlyOneOfManyClaimantsGetsTheName() {
        List<CompletableFuture<Long>> claims = new ArrayList<>();
        List<RemoteStore> stores = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            RemoteStore store = open(i, host::answer, Duration.ofSeconds(60));
            stores.add(store);
            claims.add(store.claim("peers/3", Blob.of("r" + i), new Owner("3", i, "host:" + i)));
        }
        long won = claims.stream()
                .map(claim ->
                        claim.handle((version, failure) -> failure == null).join())
                .filter(success -> success)
                .count();
        assertThat(won).isEqualTo(1);
        stores.forEach(RemoteStore::close);
    }

    @Test
    void aChannelThatHangsDelaysNobodyBeyondHisDeadline() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        RemoteStore store = open(
                0,
                request -> {
                    try {
                        release.await();
                    } catch (InterruptedException e) {
                        throw new InterruptedIOException("interrupted");
                    }
                    return host.answer(request);
                },
                Duration.ofMillis(300));
        CompletableFuture<Long> putting = store.put("k", Blob.of("v"));
        CompletableFuture<StoreValue> waiting = store.await("k", Duration.ofMillis(300));
        assertThatThrownBy(() -> putting.get(60, TimeUnit.SECONDS))
                .hasMessageContaining("the store did not answer Put[key=k, value=1 bytes] within 300 ms")
                .cause()
                .isInstanceOfSatisfying(
                        TransferException.class, e -> assertThat(e.code()).isEqualTo(Code.TIMED_OUT));
        assertThatThrownBy(() -> waiting.get(60, TimeUnit.SECONDS)).hasMessageContaining("key=k did not appear");
        store.close();
        assertThat(release.getCount())
                .as("closing interrupted the channel, nobody released it")
                .isEqualTo(1);
    }
}
