// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.testing.ElasticMain;
import io.sparkmooncake.collectives.testing.RankJvm;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.store.StoreValue;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Kills and freezes ranks at random moments, and starts others in their place. No two ranks say different things about who took
 * part in a reduction, each result is that of those who did, and in the end all are active again.
 */
@Tag("campaign")
final class ElasticCampaignIT {
    private static final int SIZE = 3;
    private static final int FAULTS = 3;
    private static final Duration PATIENCE = Duration.ofSeconds(150);

    static List<Integer> seeds() {
        List<Integer> seeds = new ArrayList<>();
        for (int seed = 1; seed <= Integer.getInteger("mooncake.campaign.seeds", 2); seed++) {
            seeds.add(seed);
        }
        return seeds;
    }

    @ParameterizedTest
    @MethodSource("seeds")
    @Timeout(value = 8, unit = TimeUnit.MINUTES)
    void ranksNeverDisagreeAboutWhoTookPart(int seed) throws Exception {
        try (Group group = new Group(seed)) {
            group.awaitAll();
            for (int fault = 0; fault < FAULTS; fault++) {
                group.hurt();
            }
            group.awaitAll();
            group.end();
        }
    }

    /** Ranks of one seed. */
    private static final class Group implements AutoCloseable {
        private final Random random;
        private final HostedStore host = new HostedStore(1 << 20);
        private final AgentThread agent = AgentThread.start("test");
        private final RemoteStore store = RemoteStore.start("test", agent, host::answer, PATIENCE);
        private final List<RankJvm> ranks = new ArrayList<>();
        private final int[] lives = new int[SIZE];
        private final int[] logs = new int[SIZE];
        private boolean overlaps;

        Group(int seed) throws Exception {
            this.random = new Random(seed);
            for (int rank = 0; rank < SIZE; rank++) {
                ranks.add(start(rank, 0));
            }
        }

        private RankJvm start(int rank, int returns) throws Exception {
            List<String> arguments = List.of(
                    Integer.toString(rank),
                    Integer.toString(SIZE),
                    Integer.toString(lives[rank]),
                    Integer.toString(returns));
            return RankJvm.start(host, ElasticMain.class, arguments);
        }

        private String read(String key) throws Exception {
            return store.get(key)
                    .get(60, TimeUnit.SECONDS)
                    .map(StoreValue::bytes)
                    .map(bytes -> new String(bytes.toBytes(), StandardCharsets.UTF_8))
                    .orElse("");
        }

        /** Waits until each rank has reduced with all others, after now. */
        void awaitAll() throws Exception {
            for (int rank = 0; rank < SIZE; rank++) {
                var unused = store.delete("at/" + rank).get(60, TimeUnit.SECONDS);
            }
            for (int rank = 0; rank < SIZE; rank++) {
                String key = "at/" + rank;
                String ended = "result/" + rank;
                Awaitility.await().atMost(PATIENCE).untilAsserted(() -> {
                    assertThat(read(ended)).isEmpty();
                    assertThat(read(key)).endsWith("[0, 1, 2]");
                });
            }
        }

        /** Kills or freezes a rank. */
        void hurt() throws Exception {
            int rank = random.nextInt(SIZE);
            TimeUnit.MICROSECONDS.sleep(random.nextInt(400_000));
            if (random.nextBoolean()) {
                ranks.get(rank).kill();
                TimeUnit.MILLISECONDS.sleep(random.nextInt(3_000));
                if (random.nextBoolean()) {
                    long unused = host.ownerLost("exec-" + rank + "-" + lives[rank], "killed by the test");
                }
                lives[rank]++;
                ranks.set(rank, start(rank, 1));
            } else {
                ranks.get(rank).freeze();
                TimeUnit.MILLISECONDS.sleep(random.nextInt(10_000));
                ranks.get(rank).thaw();
            }
            // Half of the time a second one is hurt while the others are still agreeing; one at least is left to go on.
            overlaps = !overlaps && random.nextBoolean();
            if (!overlaps) {
                awaitAll();
            }
        }

        /** Stops all, and compares what they noted. */
        void end() throws Exception {
            store.put("stop", Blob.of("")).get(60, TimeUnit.SECONDS);
            List<String> results = new ArrayList<>();
            for (int rank = 0; rank < SIZE; rank++) {
                String key = "result/" + rank;
                Awaitility.await().atMost(PATIENCE).until(() -> !read(key).isEmpty());
                results.add(read(key));
            }
            assertThat(results).allSatisfy(result -> assertThat(result).startsWith("done "));
            assertThat(results).containsOnly(results.get(0));
            Map<Long, String> took = new TreeMap<>();
            for (int rank = 0; rank < SIZE; rank++) {
                for (int life = 0; life <= lives[rank]; life++) {
                    String text = read("log/" + rank + "/" + life + "." + 0);
                    for (int time = 1; !text.isEmpty(); time++) {
                        compare(rank, text, took);
                        logs[rank]++;
                        text = read("log/" + rank + "/" + life + "." + time);
                    }
                }
            }
            assertThat(logs).doesNotContain(0);
            Awaitility.await().atMost(PATIENCE).until(() -> ranks.stream().noneMatch(RankJvm::isAlive));
        }

        private static void compare(int rank, String log, Map<Long, String> took) {
            for (String line : log.strip().split("\n", -1)) {
                String[] stretch = line.split(" ", -1);
                assertThat(stretch[2]).contains(Integer.toString(rank));
                for (long number = Long.parseLong(stretch[0]); number <= Long.parseLong(stretch[1]); number++) {
                    String before = took.putIfAbsent(number, stretch[2]);
                    assertThat(before == null ? stretch[2] : before)
                            .as("who took part in #%d, by rank %d", number, rank)
                            .isEqualTo(stretch[2]);
                }
            }
        }

        @Override
        public void close() {
            ranks.forEach(RankJvm::close);
            store.close();
            agent.close();
        }
    }
}
