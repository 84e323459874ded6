// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.testing.RankJvm;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.store.StoreValue;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Kills or freezes a rank at a random moment of joining and of operations. The others fail within the deadline, in operations with
 * one code and one text; a frozen rank fails when it thaws; no memory and no thread of the communicator is left.
 */
@Tag("campaign")
final class FailAlikeCampaignIT {
    private static final int SIZE = 3;
    private static final int TIMEOUT_SECONDS = 3;
    private static final int CONNECT_SECONDS = 8;

    /** Records, connections and meeting have the limit for connecting each, a wait of an operation its own; the machine is shared. */
    private static final Duration DEADLINE = Duration.ofSeconds(4 * CONNECT_SECONDS + TIMEOUT_SECONDS + 30);

    static List<Integer> seeds() {
        List<Integer> seeds = new ArrayList<>();
        for (int seed = 1; seed <= Integer.getInteger("mooncake.campaign.seeds", 2); seed++) {
            seeds.add(seed);
        }
        return seeds;
    }

    @ParameterizedTest
    @MethodSource("seeds")
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    void aRankThatIsHurtWhileRanksJoinEndsAllInTime(int seed) throws Exception {
        try (Ranks ranks = new Ranks(seed)) {
            ranks.hurtAfter(2_000_000);
            for (int rank : ranks.others()) {
                assertThat(ranks.result(rank))
                        .containsPattern(
                                "^(TIMED_OUT|RANK_LOST|ABORTED|UNREACHABLE|REFUSED)\ncommunicator=jvms epoch=1");
            }
            ranks.thawAndEnd();
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    void aRankThatIsHurtInAnOperationFailsAllAlike(int seed) throws Exception {
        try (Ranks ranks = new Ranks(seed)) {
            ranks.awaitStarted();
            ranks.hurtAfter(500_000);
            String first = ranks.result(ranks.others().get(0));
            assertThat(first)
                    .startsWith(ranks.isKilled() ? "RANK_LOST\n" : "TIMED_OUT\n")
                    .contains("communicator=jvms epoch=1: rank " + ranks.victim + " (127.0.0.1:")
                    .contains("; found by rank ");
            if (!ranks.isKilled()) {
                assertThat(first).containsPattern("did not come to (#\\d+|what goes with) [A-Z_]+.* within 3\\.0 s");
            }
            assertThat(ranks.result(ranks.others().get(1))).isEqualTo(first);
            if (!ranks.isKilled()) {
                ranks.thawAndEnd();
                assertThat(ranks.result(ranks.victim)).isEqualTo(first);
            }
            assertThat(ranks.leftovers()).containsOnly("");
        }
    }

    /** Ranks of one seed, one of which is to be hurt. */
    private static final class Ranks implements AutoCloseable {
        private final Random random;
        private final boolean kills;
        private final int victim;
        private final HostedStore host = new HostedStore(1 << 20);
        private final AgentThread agent = AgentThread.start("test");
        private final RemoteStore store = RemoteStore.start("test", agent, host::answer, DEADLINE);
        private final List<RankJvm> jvms = new ArrayList<>();

        Ranks(int seed) throws Exception {
            this.random = new Random(seed);
            this.kills = seed % 2 == 0;
            this.victim = random.nextInt(SIZE);
            for (int rank = 0; rank < SIZE; rank++) {
                jvms.add(RankJvm.start(host, rank, SIZE, 0, TIMEOUT_SECONDS, CONNECT_SECONDS));
            }
        }

        boolean isKilled() {
            return kills;
        }

        List<Integer> others() {
            return List.of((victim + 1) % SIZE, (victim + 2) % SIZE);
        }

        private String await(String key) throws Exception {
            byte[] value = store.await(key, DEADLINE)
                    .get(DEADLINE.toSeconds() + 5, TimeUnit.SECONDS)
                    .bytes()
                    .toBytes();
            return new String(value, StandardCharsets.UTF_8);
        }

        void awaitStarted() throws Exception {
            for (int rank = 0; rank < SIZE; rank++) {
                assertThat(await("started/" + rank)).isEmpty();
            }
        }

        void hurtAfter(int micros) throws Exception {
            TimeUnit.MICROSECONDS.sleep(random.nextInt(micros));
            if (kills) {
                jvms.get(victim).kill();
            } else {
                jvms.get(victim).freeze();
            }
        }

        String result(int rank) throws Exception {
            return await("result/" + rank);
        }

        /** What a frozen rank finds when it goes on. One that was frozen before it had an engine is none, and its process ends. */
        void thawAndEnd() throws Exception {
            if (kills) {
                return;
            }
            RankJvm frozen = jvms.get(victim);
            frozen.thaw();
            CompletableFuture<StoreValue> result = store.await("result/" + victim, DEADLINE);
            Awaitility.await().atMost(DEADLINE.plusSeconds(5)).until(() -> result.isDone() || !frozen.isAlive());
            if (store.get("result/" + victim).get(60, TimeUnit.SECONDS).isPresent()) {
                assertThat(result(victim)).containsPattern("^[A-Z_]+\ncommunicator=jvms epoch=1");
            } else {
                assertThat(frozen.exitValue())
                        .as("the start of an engine that was frozen")
                        .isEqualTo(1);
            }
        }

        List<String> leftovers() throws Exception {
            List<String> left = new ArrayList<>();
            for (int rank : others()) {
                left.add(await("left/" + rank));
            }
            return left;
        }

        @Override
        public void close() {
            jvms.forEach(RankJvm::close);
            store.close();
            agent.close();
        }
    }
}
