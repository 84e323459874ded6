// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.link.LaneMemory;
import io.sparkmooncake.collectives.link.LaneStream;
import io.sparkmooncake.collectives.testing.RankProcesses;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.Owner;
import io.sparkmooncake.transfer.store.RemoteStore;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Ranks that published themselves and are not reached: one row each, in whichever state it stopped. */
final class UnreachedRanksTest {
    private static final Rendezvous.Options OPTIONS = new Rendezvous.Options(Duration.ofSeconds(30), 1_024);
    private static final Map<String, String> CONF =
            Map.of("spark.mooncake.transfer.paths", "tcp", "spark.mooncake.connect.timeout", "5s");

    /** Joins rank 0 of two, while the other one is a record and nothing else. */
    private static CollectiveException join(RankProcesses processes, RankRecord.Home home) throws Exception {
        Agent agent = AgentThread.start("unreached");
        HostRegion region = Regions.allocate(4_096);
        try (RemoteStore store =
                RemoteStore.start("unreached", agent, processes.host()::answer, Duration.ofSeconds(30))) {
            RankRecord record = new RankRecord(1, 2, OPTIONS.windowBytes(), home, region.descriptor());
            Owner owner = new Owner(home.name(), home.epoch(), home.address());
            var unused = store.claim("collectives/unreached/1/1/record", Blob.of(record.encode()), owner)
                    .get(60, TimeUnit.SECONDS);
            CompletableFuture<Integer> rank = processes.start(new Membership("unreached", 1, 0, 2), c -> 0);
            return (CollectiveException) RankProcesses.failure(rank);
        } finally {
            region.release();
            agent.close();
        }
    }

    @Test
    void aProcessWithoutTheRankIsARowWithThePathsThatReachIt() throws Exception {
        try (RankProcesses processes = new RankProcesses(2, OPTIONS, CONF)) {
            CollectiveException failure = join(processes, new RankRecord.Home("exec-1", 101, "127.0.0.1:1", ""));
            assertThat(failure.code()).isEqualTo(Code.REFUSED);
            assertThat(failure.getMessage())
                    .startsWith("communicator=unreached epoch=1: no lanes to every rank: 1 of 1 ranks not reached"
                            + " (spark.mooncake.connect.timeout=5.0 s)\n"
                            + "rank | address | state | paths | last error | check first\n"
                            + "1 | 127.0.0.1:1 | asking for its end of a lane for ")
                    .contains(" | tcp offered: word ")
                    .contains(" was read back and confirmed | ")
                    .contains("rank 1 of communicator=unreached epoch=1 is not in this process, or has left")
                    .endsWith(" | that the task of partition 1 still runs on 127.0.0.1:1");
        }
    }

    @Test
    void aProcessThatPublishesNothingIsARowOfTheWaitForItsRecord() throws Exception {
        try (RankProcesses processes = new RankProcesses(1, OPTIONS, CONF)) {
            CollectiveException failure = join(processes, new RankRecord.Home("exec-9", 109, "127.0.0.1:1", ""));
            assertThat(failure.code()).isEqualTo(Code.TIMED_OUT);
            assertThat(failure.getMessage())
                    .contains("1 of 1 ranks not reached")
                    .contains("\n1 | 127.0.0.1:1 | WAITING_STORE for 5.")
                    .contains("waiting for its record | none tried | no record in the store, look-ups=")
                    .contains(" | that exec-9 is running");
        }
    }

    @Test
    void aProcessThatWasStartedAgainIsNoRankOfThisOne() throws Exception {
        try (RankProcesses processes = new RankProcesses(2, OPTIONS, CONF)) {
            CollectiveException failure = join(processes, new RankRecord.Home("exec-1", 77, "127.0.0.1:1", ""));
            assertThat(failure.code()).isIn(Code.RANK_LOST, Code.REFUSED);
        }
    }

    @Test
    void lanesAreHostMemoryAtTheWildcardLocation() throws Exception {
        try (RankProcesses processes = new RankProcesses(1, OPTIONS, CONF)) {
            Membership self = new Membership("memory", 1, 0, 2);
            try (LaneMemory memory = new LaneMemory(
                    self, processes.engine(0), processes.engine(0).agent())) {
                RegionDescriptor lane = memory.open(1, LaneStream.COLLECTIVE, 8, 1_024);
                assertThat(lane.location()).isEqualTo(Location.ANY);
                assertThat(memory.open(1, LaneStream.COLLECTIVE, 8, 1_024)).isEqualTo(lane);
                assertThat(memory.open(1, LaneStream.MAIL, 8, 1_024)).isNotEqualTo(lane);
            }
        }
    }
}
