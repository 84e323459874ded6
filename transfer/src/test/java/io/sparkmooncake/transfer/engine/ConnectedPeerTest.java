// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.Peer.PathReport;
import io.sparkmooncake.transfer.Peer.Submission;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.engine.testing.FakeTransport.Fault;
import io.sparkmooncake.transfer.engine.testing.HeapRegion;
import io.sparkmooncake.transfer.engine.testing.ManualAgent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class ConnectedPeerTest {
    private final ManualAgent agent = new ManualAgent();
    private final FakeProcess.World world = new FakeProcess.World(agent);
    private final FakeProcess one = world.start("1", 0x11);
    private final FakeProcess two = world.start("2", 0x22);
    private final HeapRegion mine = new HeapRegion(1_001, 1 << 16, Location.ANY);
    private final HeapRegion theirs = new HeapRegion(1_002, 1 << 16, Location.ANY);
    private Peer peer;

    @BeforeEach
    void connect() {
        two.engine.register(theirs);
        peer = agent.done(one.connect(two));
    }

    private TransferBatch batch(RegionDescriptor remote, int length) {
        TransferBatch batch = new TransferBatch(Opcode.READ, Duration.ofSeconds(60));
        batch.add(mine, 0, remote, 0, length);
        return batch;
    }

    @Test
    void usesTheFirstPathThatReachesTheMemoryAndCountsWhatItCarried() {
        assertThat(peer.submit(batch(theirs.descriptor(), 100))).isEqualTo(Submission.ACCEPTED);
        one.shm.breakLinks("mapping gone");
        agent.run();
        assertThat(peer.paths())
                .extracting(PathReport::offered, PathReport::reason)
                .first()
                .isEqualTo(tuple(false, "was offered until it broke: mapping gone"));
        assertThat(peer.submit(batch(theirs.descriptor(), 11))).isEqualTo(Submission.ACCEPTED);
        assertThat(one.engine.traffic())
                .containsExactly(new PathTraffic("shm", 100, 0, 1, 0, 0), new PathTraffic("tcp", 11, 0, 1, 0, 0));
        assertThat(peer.lost()).isNotDone();
    }

    @Test
    void isLostWithItsLastPath() {
        one.shm.breakLinks("mapping gone");
        one.tcp.breakLinks("Connection reset");
        agent.run();
        assertThat(peer.lost()).isCompletedWithValue("its last path broke: Connection reset");
    }

    @Test
    void saysWhichPathsDoNotReachAMemory() {
        RegionDescriptor device = new RegionDescriptor(5, 5, 64, new Location(Location.Kind.CUDA, 0), "");
        TransferBatch batch = batch(device, 8);
        assertThat(peer.submit(batch)).isEqualTo(Submission.ACCEPTED);
        assertThat(batch.firstFailure()).hasValueSatisfying(failure -> {
            assertThat(failure.code()).isEqualTo(Code.UNREACHABLE);
            assertThat(failure)
                    .hasMessageContaining(
                            "no path to 2 (host-2:10002) for every memory of a batch of 1 requests with"
                                    + " location=* here and location=cuda:0 there: shm: does not reach this memory; tcp: does not")
                    .hasMessageContaining("spark.mooncake.transfer.paths");
        });
        assertThat(mine.counts()).isEqualTo(1);
    }

    @Test
    void isBusyBeyondItsLimitAndTakesABatchThatIsLargerThanTheLimitAlone() {
        one.shm.fault(Fault.STALLS_TRANSFERS);
        one.tcp.fault(Fault.STALLS_TRANSFERS);
        ConnectedPeer stalling = new ConnectedPeer(
                two.record(),
                one.plane.control(two.record()).join(),
                List.of(new Path(
                        new PathCounters("shm"),
                        one.shm.link(two.record()).join().fold(link -> link, reason -> null),
                        new PathReport("shm", true, "proved"))),
                1_000);
        TransferBatch first = batch(theirs.descriptor(), 600);
        assertThat(stalling.submit(first)).isEqualTo(Submission.ACCEPTED);
        TransferBatch second = batch(theirs.descriptor(), 500);
        assertThat(stalling.submit(second)).isEqualTo(Submission.BUSY);
        assertThat(mine.counts()).as("nothing of the busy batch was begun").isEqualTo(2);
        TransferBatch third = batch(theirs.descriptor(), 400);
        assertThat(stalling.submit(third)).isEqualTo(Submission.ACCEPTED);
        first.complete(0);
        third.complete(0);
        TransferBatch larger = batch(theirs.descriptor(), 5_000);
        assertThat(stalling.submit(larger)).isEqualTo(Submission.ACCEPTED);
        assertThat(stalling.submit(second)).isEqualTo(Submission.BUSY);
        larger.complete(0);
        assertThat(stalling.submit(second)).isEqualTo(Submission.ACCEPTED);
    }

    @Test
    void failsWhatComesAfterItWasLost() {
        one.engine.peerLost("2", 0x22, "executor 2 was removed");
        agent.run();
        TransferBatch batch = batch(theirs.descriptor(), 8);
        assertThat(peer.submit(batch)).isEqualTo(Submission.ACCEPTED);
        assertThat(batch.isDone()).isTrue();
        assertThat(batch.firstFailure())
                .hasValueSatisfying(
                        failure -> assertThat(failure).hasMessage("2 (host-2:10002) is lost: executor 2 was removed"));
        assertThat(peer.ask("any", ByteBuffer.allocate(0), Duration.ofSeconds(1)))
                .isCompletedExceptionally();
    }

    @Test
    void mapsOverThePathThatCan() throws Exception {
        HostRegion mapped = peer.map(theirs.descriptor()).orElseThrow();
        assertThat(mapped).isSameAs(theirs);
        mapped.release();
        assertThat(one.engine.traffic().get(0).regionsMapped()).isEqualTo(1);
    }
}
