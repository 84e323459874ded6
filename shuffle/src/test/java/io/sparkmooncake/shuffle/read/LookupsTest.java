// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.shuffle.store.LookupFrame;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tasks that come in the order of partitions are answered from one look-up, and see what they would have seen with their own. */
final class LookupsTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final long[] TWO_MAPS = {10, 11};

    @TempDir
    Path directory;

    private final AtomicLong now = new AtomicLong();
    private final Leases leases = new Leases(MINUTE, now::get, Runnable::run);
    private Lookups lookups;
    private final HostRegion remote = Regions.allocate(100);
    private final List<String> asked = new ArrayList<>();
    private final List<Long> released = new ArrayList<>();
    private CompletableFuture<String> lost = new CompletableFuture<>();
    private boolean refuses;
    private int mostPartitions = Integer.MAX_VALUE;
    private CompletableFuture<?> slow = CompletableFuture.completedFuture(null);
    private PeerBlocks source;

    @BeforeEach
    void open() {
        lookups = new Lookups(Reading.owners(directory, RecordingOwner::new), leases, Duration.ofNanos(100), now::get);
        source = Reading.oneBlock().get(0);
    }

    @AfterEach
    void everyLeaseEnds() {
        lookups.forget(1);
        lookups.forget(2);
        assertThat(leases.held()).isZero();
        remote.release();
    }

    @Test
    void theSecondTaskAsksAheadAndThoseAfterItAskNothing() {
        for (int partition = 0; partition < 100; partition++) {
            FoundBlocks found = ask(1, partition, partition + 1, TWO_MAPS);
            BlockTable table = found.table();
            assertThat(table.size()).isEqualTo(2);
            for (int row = 0; row < 2; row++) {
                assertThat(table.map(row)).isEqualTo(row);
                assertThat(table.partition(row)).isEqualTo(partition);
                assertThat(table.length(row)).isEqualTo(1_000L * row + partition);
            }
            found.close();
        }
        assertThat(asked).containsExactly("1: 0-1 of 2", "1: 1-65 of 2", "1: 65-129 of 2");
        assertThat(released).as("an answer goes when the next one is there").containsExactly(1L, 2L);
    }

    @Test
    void asksForNoMoreThanAShortAnswer() {
        long[] many = new long[300];
        ask(1, 0, 1, many).close();
        ask(1, 1, 2, many).close();
        ask(1, 4, 9, many).close();
        assertThat(asked).containsExactly("1: 0-1 of 300", "1: 1-4 of 300", "1: 4-9 of 300");
    }

    @Test
    void tasksThatWantOtherMapsAskForThemselves() {
        ask(1, 0, 1, TWO_MAPS).close();
        ask(1, 1, 2, 10).close();
        ask(1, 2, 3, 11, 10).close();
        ask(2, 3, 4, TWO_MAPS).close();
        assertThat(asked).containsExactly("1: 0-1 of 2", "1: 1-2 of 1", "1: 2-3 of 2", "2: 3-4 of 2");
    }

    @Test
    void anAnswerThatDoesNotCoverTheFirstWantedPartitionIsNotUsed() {
        mostPartitions = 10;
        for (int partition = 0; partition < 22; partition++) {
            FoundBlocks found = ask(1, partition, partition + 1, 10);
            assertThat(found.table().size()).isEqualTo(1);
            assertThat(found.table().partition(0)).isEqualTo(partition);
            found.close();
        }
        assertThat(asked).containsExactly("1: 0-1 of 1", "1: 1-65 of 1", "1: 11-75 of 1", "1: 21-85 of 1");
        FoundBlocks cut = ask(1, 29, 33, 10);
        assertThat(cut.table().endPartition()).isEqualTo(31);
        assertThat(cut.table().size()).isEqualTo(2);
        cut.close();
    }

    @Test
    void tasksThatShareAnAnswerThatIsCutOffGetWhatTheyAskedFor() {
        mostPartitions = 10;
        ask(1, 0, 1, 10).close();
        slow = new CompletableFuture<>();
        CompletableFuture<FoundBlocks> first = lookups.ask(source, new LookupRequest(1, 1, 2, new long[] {10}));
        CompletableFuture<FoundBlocks> second = lookups.ask(source, new LookupRequest(1, 40, 41, new long[] {10}));
        CompletableFuture<?> gate = slow;
        slow = CompletableFuture.completedFuture(null);
        assertThat(second).isNotDone();
        gate.complete(null);
        first.join().close();
        assertThat(second.join().table().partition(0)).isEqualTo(40);
        second.join().close();
        assertThat(asked).containsExactly("1: 0-1 of 1", "1: 1-65 of 1", "1: 40-104 of 1");
    }

    @Test
    void anAnswerThatCoversNothingIsAFailure() {
        mostPartitions = 0;
        assertThatThrownBy(() -> ask(1, 5, 6, 10))
                .hasRootCauseMessage("the answer covers maps=1 end partition=5 of a look-up of maps=1 partitions=5-6");
    }

    @Test
    void anAnswerIsLeasedUntilItsLastTaskHasEnded() {
        FoundBlocks first = ask(1, 0, 1, TWO_MAPS);
        FoundBlocks again = ask(1, 0, 1, TWO_MAPS);
        lookups.forget(1);
        first.close();
        first.close();
        assertThat(leases.held()).isEqualTo(1);
        again.close();
        assertThat(released).containsExactly(1L);
    }

    @Test
    void anAnswerThatNobodyAsksForIsDropped() {
        ask(1, 0, 1, TWO_MAPS).close();
        now.addAndGet(100);
        lookups.trim();
        assertThat(released).isEmpty();
        now.addAndGet(1);
        lookups.trim();
        assertThat(released).containsExactly(1L);
    }

    @Test
    void anAnswerOfALostPeerOrAnEndedLeaseIsNotUsedAgain() {
        ask(1, 0, 1, TWO_MAPS).close();
        lost.complete("killed by a test");
        lost = new CompletableFuture<>();
        ask(1, 0, 1, TWO_MAPS).close();
        assertThat(asked).hasSize(2);
        now.addAndGet(MINUTE.toNanos() + 1);
        ask(1, 0, 1, TWO_MAPS).close();
        assertThat(asked).hasSize(3);
    }

    @Test
    void aFailureReachesItsTaskAndTheNextOneAsksAgain() {
        refuses = true;
        assertThatThrownBy(() -> ask(1, 0, 1, TWO_MAPS))
                .isInstanceOf(CompletionException.class)
                .hasRootCauseMessage("refused by a test");
        refuses = false;
        ask(1, 0, 1, TWO_MAPS).close();
        assertThat(asked).containsExactly("1: 0-1 of 2", "1: 0-1 of 2");
    }

    private FoundBlocks ask(int shuffle, int start, int end, long... maps) {
        return lookups.ask(source, new LookupRequest(shuffle, start, end, maps.clone()))
                .join();
    }

    /** Has a block of every map output in every partition, in a region that nobody reads. */
    private final class RecordingOwner extends Reading.Owner {
        private final CompletableFuture<String> ownLost = lost;

        RecordingOwner() {
            super(released);
        }

        @Override
        public Submission submit(TransferBatch batch) {
            throw new AssertionError("nothing is read");
        }

        @Override
        public Optional<HostRegion> map(RegionDescriptor region) {
            throw new AssertionError("nothing is mapped");
        }

        @Override
        public CompletableFuture<String> lost() {
            return ownLost;
        }

        @Override
        public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
            CompletableFuture<ByteBuffer> answered = super.ask(service, request, timeout);
            return slow.thenCompose(done -> answered);
        }

        @Override
        ByteBuffer answer(ByteBuffer lookup) {
            try {
                LookupRequest decoded = LookupFrame.decodeRequest(lookup);
                asked.add(decoded.shuffleId() + ": " + decoded.startPartition() + "-" + decoded.endPartition() + " of "
                        + decoded.mapIds().length);
                if (refuses) {
                    throw new TransferException(Code.REFUSED, "refused by a test");
                }
                return answer(decoded, asked.size());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private ByteBuffer answer(LookupRequest request, long lease) throws IOException {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            DataOutputStream out = new DataOutputStream(bytes);
            ByteArrayOutputStream region = new ByteArrayOutputStream();
            remote.descriptor().writeTo(new DataOutputStream(region));
            int maps = request.mapIds().length;
            int end = (int) Math.min(request.endPartition(), (long) request.startPartition() + mostPartitions);
            out.writeByte(3);
            out.writeLong(lease);
            out.writeInt(maps);
            out.writeInt(end);
            out.writeInt(1);
            out.writeInt(region.size());
            region.writeTo(out);
            out.writeInt(maps * (end - request.startPartition()));
            for (int map = 0; map < maps; map++) {
                for (int partition = request.startPartition(); partition < end; partition++) {
                    out.writeInt(map);
                    out.writeInt(partition);
                    out.writeInt(0);
                    out.writeLong(0);
                    out.writeInt(1_000 * map + partition);
                    out.writeInt(0);
                }
            }
            return ByteBuffer.wrap(bytes.toByteArray());
        }
    }
}
