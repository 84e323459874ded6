// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.engine.testing.DirectExecutor;
import io.sparkmooncake.transfer.engine.testing.ManualAgent;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

final class StoreWaitTest {
    private static final Duration MINUTE = Duration.ofSeconds(60);

    private final ManualAgent agent = new ManualAgent();
    private final HostedStore host = new HostedStore(1 << 20);
    private final List<Long> askedAtMillis = new ArrayList<>();
    private boolean hostDown;
    private final RemoteStore store = RemoteStore.over(agent, new DirectExecutor(), this::ask, MINUTE);
    private final RemoteStore other = RemoteStore.over(agent, new DirectExecutor(), host::answer, MINUTE);

    private byte[] ask(byte[] request) throws IOException {
        askedAtMillis.add(agent.now().toMillis());
        if (hostDown) {
            throw new IOException("driver is silent");
        }
        return host.answer(request);
    }

    @Test
    void backsOffFrom8MillisDoublingTo1024() {
        CompletableFuture<StoreValue> waiting = store.await("k", MINUTE);
        agent.advance(Duration.ofSeconds(5));
        assertThat(waiting).isNotDone();
        assertThat(askedAtMillis).startsWith(0L, 8L, 24L, 56L, 120L, 248L, 504L, 1_016L, 2_040L, 3_064L, 4_088L);
    }

    @Test
    void startsTheBackOffAgainWhenSomethingChanged() {
        Watch watch = store.watch("", seen -> {});
        watch.pace(Watch.Pace.SOON);
        agent.advance(Duration.ofMillis(2_040));
        other.put("x", Blob.of("1")).join();
        askedAtMillis.clear();
        agent.advance(Duration.ofMillis(1_024 + 8 + 16));
        assertThat(askedAtMillis).containsExactly(3_064L, 3_072L, 3_088L);
    }

    @Test
    void asksNothingWhileNobodyWaits() {
        Watch watch = store.watch("", seen -> {});
        agent.advance(MINUTE);
        assertThat(askedAtMillis).isEmpty();
        CompletableFuture<StoreValue> waiting = store.await("k", MINUTE);
        other.put("k", Blob.of("v")).join();
        agent.advance(Duration.ofMillis(8));
        assertThat(waiting).isCompletedWithValueMatching(value -> value.bytes().equals(Blob.of("v")));
        int asked = askedAtMillis.size();
        agent.advance(MINUTE);
        assertThat(askedAtMillis).hasSize(asked);
        watch.close();
    }

    @Test
    void servesAllWaitersWithOneLookUp() {
        List<CompletableFuture<StoreValue>> waiting = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            waiting.add(store.await("k" + i % 100, MINUTE));
        }
        agent.run();
        agent.advance(Duration.ofMillis(24));
        assertThat(askedAtMillis).hasSize(3);
        for (int i = 0; i < 100; i++) {
            other.put("k" + i, Blob.of("v")).join();
        }
        agent.advance(Duration.ofMillis(32));
        assertThat(waiting).allMatch(CompletableFuture::isDone);
        assertThat(askedAtMillis).hasSize(4);
    }

    @Test
    void looksSlowlyWhenAskedTo() {
        List<Change> seen = new ArrayList<>();
        Watch watch = store.watch("p/", changes -> seen.addAll(changes.changes()));
        watch.pace(Watch.Pace.SLOW);
        agent.advance(Duration.ofSeconds(21));
        assertThat(askedAtMillis).containsExactly(0L, 5_000L, 10_000L, 15_000L, 20_000L);
        other.put("p/1", Blob.of("v")).join();
        other.put("q/1", Blob.of("v")).join();
        agent.advance(Duration.ofSeconds(5));
        assertThat(seen).extracting(Change::key).containsExactly("p/1");
    }

    @Test
    void neverLooksFasterThanTheHostAsks() {
        for (int i = 0; i < 400; i++) {
            other.claim("peers/" + i, Blob.of("r"), new Owner("" + i, i, "h:1")).join();
        }
        var unused = store.await("k", MINUTE);
        agent.advance(Duration.ofMillis(1_300));
        // 400 owners: 400 ms, from the first answer on.
        assertThat(askedAtMillis).containsExactly(0L, 400L, 1_200L);
    }

    @Test
    void saysWhatWasAwaitedHowLongAndHowOften() {
        CompletableFuture<StoreValue> waiting = store.await("peers/7", Duration.ofSeconds(3));
        agent.advance(Duration.ofSeconds(1));
        hostDown = true;
        agent.advance(Duration.ofSeconds(2));
        assertThatThrownBy(() -> agent.done(waiting))
                .hasCauseInstanceOf(TransferException.class)
                .hasMessageContaining(
                        "key=peers/7 did not appear in the store within 3.0 s, look-ups=9, last error: the"
                                + " store cannot be asked for look-up of 1 keys and prefixes: java.io.IOException: driver is silent")
                .hasMessageContaining("Check that the process that writes it is running");
        agent.advance(MINUTE);
        assertThat(agent.alarms()).isZero();
    }

    @Test
    void goesOnWhenTheHostComesBack() {
        hostDown = true;
        CompletableFuture<StoreValue> waiting = store.await("k", MINUTE);
        agent.advance(Duration.ofSeconds(2));
        hostDown = false;
        other.put("k", Blob.of("v")).join();
        agent.advance(Duration.ofSeconds(2));
        assertThat(waiting).isCompleted();
    }

    @Test
    void failsAtOnceWhenTheOwnerIsGone() {
        other.claim("k", Blob.of("r"), new Owner("3", 1, "h:1")).join();
        host.ownerLost("3", "container killed");
        CompletableFuture<StoreValue> waiting = store.await("k", MINUTE);
        agent.run();
        assertThatThrownBy(() -> agent.done(waiting))
                .hasMessageContaining("key=k was removed with its owner: container killed")
                .cause()
                .isInstanceOfSatisfying(
                        TransferException.class, e -> assertThat(e.code()).isEqualTo(Code.PEER_GONE));
    }

    @Test
    void waitingOccupiesNothingOfTheHost() {
        List<RemoteStore> waiters = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            RemoteStore waiter = RemoteStore.over(agent, new DirectExecutor(), host::answer, MINUTE);
            waiters.add(waiter);
            var unused = waiter.await("never", MINUTE);
        }
        agent.advance(Duration.ofSeconds(1));
        long before = host.figures().requests();
        // Every answer was given before ask() returned: the host's only thread is this one, and it is free.
        assertThat(other.put("k", Blob.of("v")).join()).isEqualTo(1);
        assertThat(host.figures().requests()).isEqualTo(before + 1);
        waiters.forEach(RemoteStore::close);
    }

    @Test
    void failsEveryWaitWhenItIsClosed() {
        CompletableFuture<StoreValue> waiting = store.await("k", MINUTE);
        agent.run();
        store.close();
        agent.run();
        assertThatThrownBy(() -> agent.done(waiting)).hasMessageContaining("the store's client was closed");
        assertThatThrownBy(() -> agent.done(store.get("k"))).hasMessageContaining("the store's client was closed");
        assertThat(agent.alarms()).isZero();
    }

    @Test
    void deliversASnapshotLargerThanOneReplyOnceAndWhole() {
        for (int i = 0; i < 40; i++) {
            other.put("big/" + i, Blob.of(new byte[20_000])).join();
        }
        HostedStore large = new HostedStore(1L << 30);
        RemoteStore writer = RemoteStore.over(agent, new DirectExecutor(), large::answer, MINUTE);
        for (int i = 0; i < 300; i++) {
            writer.put("big/" + i, Blob.of(new byte[20_000])).join();
        }
        List<Watch.Changes> seen = new ArrayList<>();
        Watch watch = writer.watch("big/", seen::add);
        watch.pace(Watch.Pace.SLOW);
        agent.run();
        assertThat(seen).hasSize(1);
        assertThat(seen.get(0).snapshot()).isTrue();
        assertThat(seen.get(0).changes()).hasSize(300);
    }
}
