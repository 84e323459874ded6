// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.engine.SimulatedProcesses;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A rank in each of many processes, which are simulated: engines, directories, stores and everything above them are the real ones,
 * the paths between them are method calls.
 */
final class ManyRanksTest {
    private static final Logger LOG = LoggerFactory.getLogger(ManyRanksTest.class);
    private static final int AGENTS = 2;
    private static final int STACK_BYTES = 256 << 10;
    private static final int MAX_ASKS_PER_RANK = 16;
    private static final int MAX_ASKS_PER_SECOND = 1_000;
    private static final int BYTES_PER_RANK = 64;

    @ParameterizedTest(name = "{0} ranks, {1} on each host")
    @CsvSource({"64, 8", "256, 8"})
    void joinWithinSecondsAndAFewStoreCallsEach(int size, int perHost) throws Exception {
        join(size, perHost);
    }

    /** Needs a machine that does nothing else: {@code -Dmooncake.test.scale=true}. */
    @Test
    @EnabledIfSystemProperty(named = "mooncake.test.scale", matches = "true")
    void aThousandJoin() throws Exception {
        join(1_024, 8);
    }

    @Test
    void joinWhereEachIsAloneOnItsHost() throws Exception {
        join(256, 1);
    }

    private static void join(int size, int perHost) throws Exception {
        HostedStore host = new HostedStore(64L << 20);
        SimulatedProcesses processes = new SimulatedProcesses();
        AtomicLong replyBytes = new AtomicLong();
        List<Agent> agents = new ArrayList<>();
        List<AutoCloseable> opened = new ArrayList<>();
        for (int i = 0; i < AGENTS; i++) {
            agents.add(AgentThread.start("simulated-" + i));
        }
        ExecutorService asks = Executors.newFixedThreadPool(AGENTS, task -> new Thread(task, "simulated-store"));
        try {
            List<Rendezvous> all = new ArrayList<>();
            for (int rank = 0; rank < size; rank++) {
                Agent agent = agents.get(rank % AGENTS);
                LocalEngine engine = processes.start(
                        "exec-" + rank, rank, "host-" + rank / perHost, agent, TransferSettings.read(Map.of()));
                RemoteStore store = RemoteStore.over(
                        agent,
                        asks,
                        request -> {
                            byte[] reply = host.answer(request);
                            replyBytes.addAndGet(reply.length);
                            return reply;
                        },
                        Duration.ofSeconds(60));
                PeerDirectory directory = PeerDirectory.join(engine, store).get(60, TimeUnit.SECONDS);
                opened.add(directory);
                Rendezvous.Options options = new Rendezvous.Options(Duration.ofMinutes(2), BYTES_PER_RANK * size);
                all.add(new Rendezvous(engine, directory, store, options, "host-" + rank / perHost));
            }
            run(all, host, processes, perHost, replyBytes);
        } finally {
            for (AutoCloseable each : opened) {
                each.close();
            }
            asks.shutdownNow();
            agents.forEach(Agent::close);
        }
    }

    private static void run(
            List<Rendezvous> all, HostedStore host, SimulatedProcesses processes, int perHost, AtomicLong replyBytes)
            throws Exception {
        int size = all.size();
        long before = host.figures().requests();
        long bytesBefore = replyBytes.get();
        long startNanos = System.nanoTime();
        AtomicLong joinedNanos = new AtomicLong();
        AtomicLong asked = new AtomicLong();
        CountDownLatch joined = new CountDownLatch(size);
        List<CompletableFuture<Double>> sums = new ArrayList<>();
        for (int rank = 0; rank < size; rank++) {
            Membership self = new Membership("many", 1, rank, size);
            Rendezvous rendezvous = all.get(rank);
            CompletableFuture<Double> sum = new CompletableFuture<>();
            sums.add(sum);
            Runnable task = () -> {
                try (Communicator communicator = rendezvous.join(self)) {
                    joinedNanos.accumulateAndGet(System.nanoTime() - startNanos, Math::max);
                    asked.set(host.figures().requests() - before);
                    joined.countDown();
                    double[] value = {self.rank()};
                    communicator.allReduce(Elements.of(value), Elements.of(value), ReduceOp.SUM);
                    sum.complete(value[0]);
                } catch (Throwable e) {
                    sum.completeExceptionally(e);
                }
            };
            Thread thread = new Thread(null, task, "rank-" + rank, STACK_BYTES);
            thread.setDaemon(true);
            thread.start();
        }
        for (CompletableFuture<Double> sum : sums) {
            assertThat(sum.get(240, TimeUnit.SECONDS)).isEqualTo(size * (size - 1) / 2.0);
        }
        double seconds = joinedNanos.get() / 1e9;
        LOG.info(
                "bootstrap of {} ranks, {} on each host: {} s, store requests={} ({} per rank), replies={} MiB, connections={}",
                size,
                perHost,
                String.format(Locale.ROOT, "%.1f", seconds),
                asked.get(),
                String.format(Locale.ROOT, "%.1f", (double) asked.get() / size),
                (replyBytes.get() - bytesBefore) >> 20,
                processes.connections());
        assertThat(asked.get())
                .isLessThanOrEqualTo((long) MAX_ASKS_PER_RANK * size + (long) (MAX_ASKS_PER_SECOND * seconds));
    }
}
