// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparkmooncake.collectives.testing.Namespaces;
import io.sparkmooncake.collectives.testing.RankJvm;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Ranks on two hosts, each a process in a network namespace of its own; both reach the store, whatever becomes of their link. */
final class TwoHostsIT {
    private static final Logger LOG = LoggerFactory.getLogger(TwoHostsIT.class);
    private static final int TIMEOUT_SECONDS = 6;

    private final HostedStore host = new HostedStore(1 << 20);

    @BeforeEach
    void requireNamespaces() throws Exception {
        Optional<String> missing = Namespaces.missing();
        assumeTrue(missing.isEmpty(), () -> "skipped: " + missing.orElse(""));
    }

    /** What is done to the hosts once every rank has begun. */
    @FunctionalInterface
    private interface Harm {
        void inflict(Namespaces hosts, RankJvm second, RemoteStore store) throws Exception;
    }

    private List<String> run(int ranksPerHost, String work, int results, Harm harm) throws Exception {
        return run(ranksPerHost, work, results, "", harm);
    }

    private List<String> run(int ranksPerHost, String work, int results, String rate, Harm harm) throws Exception {
        String size = Integer.toString(2 * ranksPerHost);
        String here = Integer.toString(ranksPerHost);
        String timeout = Integer.toString(TIMEOUT_SECONDS);
        Agent agent = AgentThread.start("two-hosts");
        try (Namespaces hosts = Namespaces.make();
                RankJvm first =
                        RankJvm.startHost(host, hosts.onFirst(), Namespaces.FIRST, "0", here, size, timeout, work);
                RankJvm second =
                        RankJvm.startHost(host, hosts.onSecond(), Namespaces.SECOND, here, here, size, timeout, work);
                RemoteStore store = RemoteStore.start("two-hosts", agent, host::answer, Duration.ofSeconds(30))) {
            if (!rate.isEmpty()) {
                hosts.limit(rate);
            }
            for (int rank = 0; rank < 2 * ranksPerHost && !work.equals("write"); rank++) {
                read(store, "started/" + rank);
            }
            // Any other work may be over by now.
            assertThat(first.isAlive() || !work.equals("loop")).isTrue();
            harm.inflict(hosts, second, store);
            List<String> all = new ArrayList<>();
            for (int rank = 0; rank < results; rank++) {
                all.add(read(store, "result/" + rank));
            }
            return all;
        } finally {
            agent.close();
        }
    }

    private static String read(RemoteStore store, String key) throws Exception {
        byte[] bytes = store.await(key, Duration.ofMinutes(5))
                .get(300, TimeUnit.SECONDS)
                .bytes()
                .toBytes();
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Test
    void operationsAreRightOverTcp() throws Exception {
        List<String> results = run(1, "check", 2, (hosts, second, store) -> {});
        assertThat(results).containsExactly("3.0 3.0 11.0 [0, 10]", "3.0 3.0 11.0 [1, 11]");
    }

    @Test
    void operationsAreRightInAHierarchy() throws Exception {
        List<String> results = run(2, "check", 4, (hosts, second, store) -> {});
        assertThat(results)
                .containsExactly(
                        "10.0 10.0 11.0 [0, 10, 20, 30]",
                        "10.0 10.0 11.0 [1, 11, 21, 31]",
                        "10.0 10.0 11.0 [2, 12, 22, 32]",
                        "10.0 10.0 11.0 [3, 13, 23, 33]");
    }

    @Test
    void aCutLinkIsOneErrorOnEveryRankOfBothHosts() throws Exception {
        long[] cutNanos = new long[1];
        List<String> results = run(2, "loop", 4, (hosts, second, store) -> {
            hosts.cut();
            cutNanos[0] = System.nanoTime();
        });
        LOG.info("cut link after {} ms: {}", (System.nanoTime() - cutNanos[0]) / 1_000_000, results.get(0));
        assertThat(Duration.ofNanos(System.nanoTime() - cutNanos[0]))
                .isLessThan(Duration.ofSeconds(TIMEOUT_SECONDS + 10));
        assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.get(0)));
        assertThat(results.get(0))
                .containsAnyOf("RANK_LOST\n", "TIMED_OUT\n")
                .contains("communicator=hosts epoch=1: rank ", " (10.213.78.", " ALL_REDUCE float64[100000] SUM");
    }

    @Test
    void aKilledHostIsOneErrorOnEveryRankThatIsLeft() throws Exception {
        long[] killNanos = new long[1];
        List<String> results = run(2, "loop", 2, (hosts, second, store) -> {
            second.kill();
            killNanos[0] = System.nanoTime();
        });
        LOG.info("killed host after {} ms: {}", (System.nanoTime() - killNanos[0]) / 1_000_000, results.get(0));
        assertThat(Duration.ofNanos(System.nanoTime() - killNanos[0])).isLessThan(Duration.ofSeconds(TIMEOUT_SECONDS));
        assertThat(results.get(1)).isEqualTo(results.get(0));
        assertThat(results.get(0))
                .startsWith("RANK_LOST\ncommunicator=hosts epoch=1: rank 2 (10.213.78.2:")
                .contains(" ALL_REDUCE float64[100000] SUM");
    }

    @Test
    void aFrozenHostIsOneErrorOnEveryRank() throws Exception {
        List<String> results = run(2, "loop", 4, (hosts, second, store) -> {
            second.freeze();
            read(store, "result/0");
            read(store, "result/1");
            second.thaw();
        });
        assertThat(results).allSatisfy(result -> assertThat(result).isEqualTo(results.get(0)));
        assertThat(results.get(0)).contains("rank 2 (10.213.78.2:").contains(" ALL_REDUCE float64[100000] SUM");
    }

    @Test
    @EnabledIfSystemProperty(named = "mooncake.test.speed", matches = "true")
    void aLongAllReduceIsMeasuredAgainstAPlainSocket() throws Exception {
        List<String> results = run(1, "speed", 2, (hosts, second, store) -> {});
        LOG.info("two hosts, one rank each:\n{}", results.get(0));
        assertThat(results.get(0)).contains("ratio=");
    }

    @ParameterizedTest
    @ValueSource(strings = {"2gbit", "8gbit"})
    @EnabledIfSystemProperty(named = "mooncake.test.speed", matches = "true")
    void aLongAllReduceIsMeasuredOverASlowerLink(String rate) throws Exception {
        List<String> results = run(1, "speed", 2, rate, (hosts, second, store) -> {});
        LOG.info("two hosts, one rank each, {}/s:\n{}", rate, results.get(0));
        assertThat(results.get(0)).contains("ratio=");
    }

    @Test
    @EnabledIfSystemProperty(named = "mooncake.test.speed", matches = "true")
    void writesOfTheEngineAreMeasuredAgainstAPlainSocket() throws Exception {
        List<String> results = run(1, "write", 2, (hosts, second, store) -> {});
        LOG.info("two hosts: {}", results.get(1));
        assertThat(results.get(1)).contains("ratio=");
    }
}
