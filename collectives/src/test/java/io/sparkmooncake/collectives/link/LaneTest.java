// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.fabric.Call;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A lane whose transport lands bytes when and in the order that the test says. */
final class LaneTest {
    private static final LaneLayout LAYOUT = new LaneLayout(8, 128 << 10);
    private static final long EPOCH = 7;
    private static final int COUNT = 100;
    private static final int LONG_COUNT = 20_000;

    private final Agent agent = AgentThread.start("lane-test");
    private final HostRegion memory = Regions.allocate(LAYOUT.sizeBytes());
    private final Inbox inbox = new Inbox(memory, LAYOUT, EPOCH);
    private final HeldPeer peer = new HeldPeer(memory);
    private final LinkCall call = new LinkCall();
    private final Outbox outbox = outbox(EPOCH);

    LaneTest() {
        call.begin(3, Call.signature(Operation.BARRIER, null, null, -1));
    }

    private Outbox outbox(long epoch) {
        return new Outbox(peer, memory.descriptor(), LAYOUT, epoch, agent, Duration.ofSeconds(30));
    }

    @AfterEach
    void close() {
        peer.landAll();
        outbox.close();
        memory.release();
        agent.close();
    }

    private void post(Outbox from, int count, int value) {
        Elements slot = from.next(DataType.INT32);
        int[] values = new int[count];
        Arrays.fill(values, value);
        Elements.of(values).copyTo(0, slot, 0, count);
        from.post(call, count * Integer.BYTES, 0);
    }

    private int first() {
        int[] value = new int[1];
        inbox.payload(DataType.INT32).copyTo(0, Elements.of(value), 0, 1);
        return value[0];
    }

    @ParameterizedTest
    @ValueSource(ints = {0, COUNT, LONG_COUNT})
    void aMessageIsThereWhenTheLastByteOfItsHeadIs(int count) {
        post(outbox, count, 42);
        TransferBatch batch = peer.held.remove();
        peer.land(batch, 0, 0, (int) batch.length(0));
        int bytes = (int) batch.length(1);
        // From the end to the start: the seal and the words that it seals land before the number of the message has.
        for (int at = bytes - 1; at > 0; at--) {
            peer.land(batch, 1, at, 1);
            assertThat(inbox.poll())
                    .as("byte %s of %s is missing", at - 1, bytes)
                    .isFalse();
        }
        peer.land(batch, 1, 0, 1);
        assertThat(inbox.poll()).isTrue();
        assertThat(inbox.payloadBytes()).isEqualTo(count * Integer.BYTES);
        assertThat(count == 0 ? 42 : first()).isEqualTo(42);
        batch.complete(0);
        batch.complete(1);
    }

    @Test
    void theHeadOfAMessageIsNotSentBeforeItsPayload() {
        post(outbox, LONG_COUNT, 1);
        TransferBatch batch = peer.held.element();
        assertThat(batch.count()).isEqualTo(2);
        assertThat(batch.length(0)).isEqualTo(LONG_COUNT * (long) Integer.BYTES);
        assertThat(batch.remoteOffset(1)).isEqualTo(batch.remoteOffset(0) - LaneLayout.HEAD_BYTES);
        peer.land(batch, 0, 0, (int) batch.length(0));
        assertThat(inbox.poll()).isFalse();
    }

    @Test
    void messagesThatLandInAnotherOrderAreTakenInTheirOwn() {
        for (int value = 1; value <= 3; value++) {
            post(outbox, COUNT, value);
        }
        List<TransferBatch> batches = List.copyOf(peer.held);
        peer.held.clear();
        for (int i = batches.size() - 1; i >= 0; i--) {
            assertThat(inbox.poll()).isFalse();
            peer.landWhole(batches.get(i));
        }
        for (int value = 1; value <= 3; value++) {
            assertThat(inbox.poll()).isTrue();
            assertThat(first()).isEqualTo(value);
            assertThat(inbox.release()).isEqualTo(value);
        }
        assertThat(inbox.poll()).isFalse();
    }

    @Test
    void whatCarriesAnEarlierEpochIsDropped() {
        Outbox late = outbox(EPOCH - 1);
        post(late, COUNT, 13);
        post(late, LONG_COUNT, 13);
        late.credit(8);
        late.leave();
        peer.landAll();
        assertThat(inbox.poll()).isFalse();
        assertThat(inbox.credit()).isZero();
        assertThat(inbox.hasLeft()).isFalse();
        late.close();
        post(outbox, COUNT, 42);
        peer.landAll();
        assertThat(inbox.poll()).isTrue();
        assertThat(first()).isEqualTo(42);
    }

    @Test
    void nothingIsOverwrittenBeforeItsReaderIsDoneWithIt() {
        for (int i = 0; i < LAYOUT.slots(); i++) {
            assertThat(outbox.hasRoom(0)).isTrue();
            post(outbox, COUNT, i);
        }
        assertThat(outbox.hasRoom(0)).isFalse();
        assertThat(outbox.hasRoom(1)).as("its transfer is under way").isFalse();
        peer.landAll();
        assertThat(outbox.hasRoom(0)).isFalse();
        assertThat(outbox.hasRoom(1)).isTrue();
    }

    @Test
    void aPeerThatIsBusyIsAskedAgain() {
        peer.busy = true;
        post(outbox, COUNT, 42);
        assertThat(peer.held).isEmpty();
        peer.busy = false;
        Awaitility.await().atMost(Duration.ofMinutes(2)).until(() -> {
            peer.landAll();
            return inbox.poll();
        });
    }

    /** Takes batches and carries nothing out by itself. */
    private static final class HeldPeer implements Peer {
        private final HostRegion memory;
        private final ArrayDeque<TransferBatch> held = new ArrayDeque<>();
        private volatile boolean busy;

        HeldPeer(HostRegion memory) {
            this.memory = memory;
        }

        void land(TransferBatch batch, int request, int from, int length) {
            HostRegion local = (HostRegion) batch.local(request);
            Regions.copy(local, batch.localOffset(request) + from, memory, batch.remoteOffset(request) + from, length);
        }

        void landWhole(TransferBatch batch) {
            for (int request = 0; request < batch.count(); request++) {
                land(batch, request, 0, (int) batch.length(request));
                batch.complete(request);
            }
        }

        void landAll() {
            TransferBatch batch = next();
            while (batch != null) {
                landWhole(batch);
                batch = next();
            }
        }

        private synchronized @Nullable TransferBatch next() {
            return held.poll();
        }

        @Override
        public synchronized Submission submit(TransferBatch batch) {
            if (busy) {
                return Submission.BUSY;
            }
            batch.begin();
            held.add(batch);
            return Submission.ACCEPTED;
        }

        @Override
        public PeerRecord record() {
            return new PeerRecord("held", 1, "host", 1, Map.of());
        }

        @Override
        public Optional<HostRegion> map(RegionDescriptor region) {
            return Optional.empty();
        }

        @Override
        public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
            return new CompletableFuture<>();
        }

        @Override
        public CompletableFuture<String> lost() {
            return new CompletableFuture<>();
        }

        @Override
        public List<PathReport> paths() {
            return List.of();
        }
    }
}
