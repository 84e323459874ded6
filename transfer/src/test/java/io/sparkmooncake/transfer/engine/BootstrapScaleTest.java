// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.engine.testing.FakeStores;
import io.sparkmooncake.transfer.engine.testing.ManualAgent;
import io.sparkmooncake.transfer.store.HostedStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Many processes in one JVM, each with its engine and its client of one hosted store, on a clock that the test turns: the
 * counts are exact and the same on every machine.
 */
final class BootstrapScaleTest {
    private static final Logger LOG = LoggerFactory.getLogger(BootstrapScaleTest.class);

    /** Requests to the store that one process may send until it knows all others, whatever their number. */
    private static final int MAX_ASKS_PER_PEER = 16;

    /** And what the host lets all of them together ask while they wait for the last one to start. */
    private static final int MAX_ASKS_PER_SECOND = 1_000;

    private final ManualAgent agent = new ManualAgent();
    private final FakeProcess.World world = new FakeProcess.World(agent);
    private final HostedStore host = new HostedStore(64L << 20);
    private final FakeStores stores = new FakeStores(host, agent);
    private final List<CompletableFuture<PeerDirectory>> joining = new ArrayList<>();
    private final List<CompletableFuture<Integer>> knowing = new ArrayList<>();

    private void startAll(int peers, Duration within) {
        List<String> names = IntStream.range(0, peers).mapToObj(i -> "e" + i).toList();
        Random random = new Random(peers);
        for (String name : names) {
            agent.after(Duration.ofMillis(random.nextLong(within.toMillis())), () -> {
                CompletableFuture<PeerDirectory> joined =
                        PeerDirectory.join(world.start(name, name.hashCode()).engine, stores.open());
                joining.add(joined);
                knowing.add(joined.thenCompose(directory -> directory.records(names))
                        .thenApply(List::size));
            });
        }
    }

    @ParameterizedTest
    @CsvSource({"64, 1", "256, 1", "1024, 1", "256, 10"})
    void everyProcessKnowsEveryOtherAfterAFewRequests(int peers, int startSeconds) {
        long startNanos = System.nanoTime();
        startAll(peers, Duration.ofSeconds(startSeconds));
        agent.advance(Duration.ofSeconds(startSeconds));
        while (joining.size() < peers || !knowing.stream().allMatch(CompletableFuture::isDone)) {
            assertThat(agent.now()).isLessThan(Duration.ofSeconds(60));
            agent.advance(Duration.ofMillis(50));
        }
        long asks = stores.asks();
        double askedSeconds = agent.now().toMillis() / 1e3;
        assertThat(knowing).allSatisfy(records -> assertThat(records).isCompletedWithValue(peers));
        long connectStartNanos = System.nanoTime();
        List<CompletableFuture<List<Peer>>> connecting = new ArrayList<>();
        for (int i = 0; i < peers; i++) {
            int self = i;
            List<String> neighbours = IntStream.rangeClosed(1, 8)
                    .mapToObj(step -> "e" + (self + step) % peers)
                    .toList();
            connecting.add(joining.get(i).join().peers(neighbours));
        }
        agent.run();
        assertThat(connecting).allSatisfy(all -> assertThat(all).isCompleted());
        LOG.info(
                "bootstrap peers={} started within {} s: all know all after {} s of their time, store requests={} ({} per peer),"
                        + " replies={} MiB, computing {} ms; 8 neighbours each: {} connections in {} ms, store requests={}",
                peers,
                startSeconds,
                askedSeconds,
                asks,
                String.format(java.util.Locale.ROOT, "%.1f", (double) asks / peers),
                stores.replyBytes() >> 20,
                (connectStartNanos - startNanos) / 1_000_000,
                peers * 8,
                (System.nanoTime() - connectStartNanos) / 1_000_000,
                stores.asks() - asks);
        assertThat(asks)
                .isLessThanOrEqualTo((long) MAX_ASKS_PER_PEER * peers + (long) MAX_ASKS_PER_SECOND * startSeconds);
        assertThat(stores.asks() - asks).as("look-ups caused by connecting").isLessThanOrEqualTo(peers);
    }

    @Test
    void everyProcessConnectsEveryOther() {
        int peers = 64;
        startAll(peers, Duration.ofSeconds(1));
        agent.advance(Duration.ofSeconds(5));
        List<String> names = IntStream.range(0, peers).mapToObj(i -> "e" + i).toList();
        List<CompletableFuture<List<Peer>>> connecting =
                joining.stream().map(joined -> joined.join().peers(names)).toList();
        agent.run();
        assertThat(connecting).allSatisfy(all -> assertThat(all.join()).hasSize(peers));
    }
}
