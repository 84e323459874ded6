// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.shuffle.read.TestExecutor.Entry;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.apache.spark.TaskContext$;
import org.apache.spark.executor.TempShuffleReadMetrics;
import org.apache.spark.shuffle.FetchFailedException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A row that does not go on with the block before it is refused by name, and joined to nothing. */
final class RowsOutOfPlaceTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final int SHUFFLE = 6;

    private static final List<TestExecutor> EXECUTORS = new ArrayList<>();

    private final Leases leases = new Leases(MINUTE, System::nanoTime, Runnable::run);
    private final RegionPool scratch = RegionPool.privateMemory(new RegionPool.Limits(1 << 20, 1 << 20, MINUTE));
    private final Lookups lookups = EXECUTORS.get(0).lookups(EXECUTORS, leases, peer -> peer);

    @BeforeAll
    static void start() throws IOException {
        EXECUTORS.add(new TestExecutor("order-reader", "shm,tcp"));
        EXECUTORS.add(new TestExecutor("order-owner-1", "tcp"));
        EXECUTORS.add(new TestExecutor("order-owner-2", "shm,tcp"));
    }

    @AfterAll
    static void stop() {
        EXECUTORS.forEach(TestExecutor::close);
    }

    @AfterEach
    void nothingIsHeld() {
        lookups.forget(SHUFFLE);
        assertThat(leases.held()).isZero();
        assertThat(scratch.usedBytes()).isZero();
        scratch.close();
        EXECUTORS.forEach(executor -> executor.store().removeShuffle(SHUFFLE));
    }

    @Test
    void anAnswerWhoseBlockGoesOnWithAnotherPartitionOrNotAtAllIsRefused() throws Exception {
        for (TestExecutor owner : EXECUTORS) {
            owner.commit(SHUFFLE, 20, List.of(List.of(entry(0, true)), List.of(entry(1, false))));
            owner.commit(SHUFFLE, 21, List.of(List.of(entry(0, true))));
            owner.commit(SHUFFLE, 22, List.of(List.of(entry(0, false))));
            for (int map = 20; map <= 21; map++) {
                long first = map;
                assertThatThrownBy(() -> read(owner.blocks(SHUFFLE, first, 22 - (int) first)))
                        .isInstanceOf(FetchFailedException.class)
                        .hasMessageContaining(
                                "shuffle 6 map 0 (id " + map + ") partition 0 from executor " + owner.name())
                        .hasMessageContaining("row 0 of its answer is out of place: the block goes on");
                lookups.forget(SHUFFLE);
            }
            assertThat(read(owner.blocks(SHUFFLE, 22, 1))).containsExactly(1_000);
        }
    }

    @Test
    void aBlockIsNotReadFromItsMiddle() throws Exception {
        for (TestExecutor owner : EXECUTORS) {
            try (Fetch fetch = fetch()) {
                fetch.start(oneBlockOfThreeRows(owner));
                skip(fetch);
                Group second = next(fetch);
                assertThatThrownBy(() -> new BlockStream(fetch, second, true))
                        .isInstanceOf(FetchFailedException.class)
                        .hasMessageContaining("(id 20) partition 0 from executor " + owner.name())
                        .hasMessageContaining(
                                "its row 1 is out of place: it goes on with a block whose beginning was not read");
            }
        }
    }

    @Test
    void aBlockGoesOnWithItsNextRowOnly() throws Exception {
        for (TestExecutor owner : EXECUTORS) {
            try (Fetch fetch = fetch()) {
                fetch.start(oneBlockOfThreeRows(owner));
                BlockStream stream = new BlockStream(fetch, next(fetch), true);
                assertThat(stream.readNBytes(1_000)).hasSize(1_000);
                skip(fetch);
                assertThatThrownBy(stream::read)
                        .isInstanceOf(FetchFailedException.class)
                        .hasMessageContaining("(id 20) partition 0 from executor " + owner.name())
                        .hasMessageContaining("its row 2 is out of place: the block that goes on with row 1");
            }
        }
    }

    private static Entry entry(int partition, boolean continued) {
        return new Entry(partition, ByteBuffer.allocate(1_000), continued);
    }

    private static List<PeerBlocks> oneBlockOfThreeRows(TestExecutor owner) throws IOException {
        owner.commit(SHUFFLE, 20, List.of(List.of(entry(0, true)), List.of(entry(0, true)), List.of(entry(0, false))));
        return owner.blocks(SHUFFLE, 20, 1);
    }

    private static void skip(Fetch fetch) {
        next(fetch);
        fetch.take();
    }

    private static Group next(Fetch fetch) {
        return Objects.requireNonNull(fetch.peek());
    }

    private List<Integer> read(List<PeerBlocks> sources) throws IOException {
        List<Integer> blocks = new ArrayList<>();
        try (Fetch fetch = fetch()) {
            fetch.start(sources);
            for (Group next = fetch.peek(); next != null; next = fetch.peek()) {
                blocks.add(new BlockStream(fetch, next, false).readAllBytes().length);
            }
        }
        return blocks;
    }

    private Fetch fetch() {
        ReadLimits limits = new ReadLimits(1 << 20, 10, MINUTE, MINUTE, new ReadLimits.Retries(0, MINUTE), true);
        FetchReport report = new FetchReport(
                SHUFFLE, TaskContext$.MODULE$.empty(), new ReadCounters(), new TempShuffleReadMetrics());
        return new Fetch(lookups, new HostLanding(scratch), limits, report);
    }
}
