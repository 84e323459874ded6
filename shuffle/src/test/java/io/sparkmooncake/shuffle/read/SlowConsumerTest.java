// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.shuffle.read.TestExecutor.Entry;
import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.TaskContext$;
import org.apache.spark.executor.TempShuffleReadMetrics;
import org.junit.jupiter.api.Test;

/** A task that computes between two reads: only what it waits for one row counts against its patience. */
final class SlowConsumerTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);

    /** More than the waits for one row count together, less than those for all rows do: a wait counts for 20 to 40 ms. */
    private static final Duration PATIENCE = Duration.ofMillis(100);

    private static final int SHUFFLE = 9;
    private static final int ROWS = 10;
    private static final int WAITS_FOR_A_ROW = 2;

    private final Leases leases = new Leases(MINUTE, System::nanoTime, Runnable::run);

    @Test
    void aTaskThatComputesForLongerThanItsPatienceReadsOn() throws Exception {
        ReadCounters counters = new ReadCounters();
        try (TestExecutor executor = new TestExecutor("slow-reader", "shm,tcp");
                RegionPool scratch = RegionPool.privateMemory(new RegionPool.Limits(1 << 20, 1 << 20, MINUTE))) {
            for (int map = 0; map < ROWS; map++) {
                Entry entry = new Entry(0, ByteBuffer.allocate(1_000), false);
                executor.commit(SHUFFLE, map, List.of(List.of(entry)));
            }
            int rows = 0;
            try (Fetch fetch = fetch(executor, new Reluctant(new HostLanding(scratch)), counters)) {
                fetch.start(executor.blocks(SHUFFLE, 0, ROWS));
                while (fetch.peek() != null) {
                    fetch.take();
                    rows++;
                    Thread.sleep(2 * PATIENCE.toMillis());
                }
            }
            assertThat(rows).isEqualTo(ROWS);
            assertThat(counters.waitMillis()).as("waits for all rows").isGreaterThan(PATIENCE.toMillis());
        }
        assertThat(leases.held()).isZero();
    }

    private Fetch fetch(TestExecutor executor, Landing landing, ReadCounters counters) {
        BlockOwners owners = new BlockOwners(
                executor.name(),
                executor.store(),
                name -> CompletableFuture.failedFuture(new TransferException(Code.UNREACHABLE, name)),
                MINUTE);
        ReadLimits limits = new ReadLimits(1 << 20, 10, MINUTE, PATIENCE, new ReadLimits.Retries(0, MINUTE), true);
        FetchReport report =
                new FetchReport(SHUFFLE, TaskContext$.MODULE$.empty(), counters, new TempShuffleReadMetrics());
        return new Fetch(new Lookups(owners, leases, MINUTE, System::nanoTime), landing, limits, report);
    }

    /** Has no memory for a row until the task has waited for it some times. */
    private record Reluctant(Landing landing) implements Landing {
        @Override
        public Optional<Place> inPlace(FoundBlocks found) throws TransferException {
            return landing.inPlace(found).map(ReluctantPlace::new);
        }

        @Override
        public Optional<Place> tryTake(BlockTable table, int startRow, int endRow) throws IOException {
            return landing.tryTake(table, startRow, endRow);
        }

        @Override
        public Optional<Place> tryTakeNeeded(BlockTable table, int startRow, int endRow) throws IOException {
            return landing.tryTakeNeeded(table, startRow, endRow);
        }

        @Override
        public long changes() {
            return landing.changes();
        }

        @Override
        public String describeMemory() {
            return landing.describeMemory();
        }

        @Override
        public void closeAfter(Thread reader, Runnable close) {
            landing.closeAfter(reader, close);
        }
    }

    private static final class ReluctantPlace implements Landing.Place {
        /** A task asks twice before each wait. */
        private static final int REFUSALS = 2 * WAITS_FOR_A_ROW;

        private final Landing.Place place;
        private int refused;

        ReluctantPlace(Landing.Place place) {
            this.place = place;
        }

        @Override
        public boolean tryReserve(int row) throws IOException {
            if (refused < REFUSALS) {
                refused++;
                return false;
            }
            refused = 0;
            return place.tryReserve(row);
        }

        @Override
        public void load(int row) throws IOException {
            place.load(row);
        }

        @Override
        public MemoryRegion region(int row) {
            return place.region(row);
        }

        @Override
        public long offset(int row) {
            return place.offset(row);
        }

        @Override
        public ByteBuffer bytes(int row, long from, int length) {
            return place.bytes(row, from, length);
        }

        @Override
        public ReadCounters.Path path() {
            return place.path();
        }

        @Override
        public void close() {
            place.close();
        }
    }
}
