// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EvictionTest {
    private static final int MIB = 1 << 20;
    private static final int BLOCK_BYTES = 20_000;

    @TempDir
    Path directory;

    private Outputs outputs;
    private MapOutputStore store;

    @BeforeEach
    void open() {
        outputs = new Outputs(directory, 4 * MIB);
        store = outputs.store;
    }

    @AfterEach
    void everythingIsGivenBack() {
        outputs.close();
        assertThat(outputs.memory.usedBytes() + outputs.files.usedBytes()).isZero();
    }

    /** No shuffle is ever removed, and every old one can still be read. */
    @Test
    void aLongApplicationKeepsItsMemoryForNewOutputs() throws IOException {
        int shuffles = 100;
        for (int shuffle = 0; shuffle < shuffles; shuffle++) {
            for (int map = 0; map < 5; map++) {
                MapOutput output = outputs.output(shuffle * 10L + map, 2, BLOCK_BYTES);
                assertThat(output.parts())
                        .as("outputs of shuffle %d", shuffle)
                        .allSatisfy(part ->
                                assertThat(part.extent().isFrom(outputs.memory)).isTrue());
                store.commit(shuffle, output);
            }
            read(shuffle);
            outputs.nanos.addAndGet(Duration.ofSeconds(10).toNanos());
        }
        assertThat(store.movedBytes()).isGreaterThan(50L * MIB);
        assertThat(outputs.files.usedBytes()).isGreaterThan(50L * MIB);
        for (int shuffle = 0; shuffle < shuffles; shuffle++) {
            read(shuffle);
        }
    }

    private void read(int shuffle) {
        for (int map = 0; map < 5; map++) {
            long mapId = shuffle * 10L + map;
            LeasedBlocks<HostRegion> found = lookup(shuffle, mapId, 2);
            assertThat(Outputs.isIntact(found, mapId, 2)).isTrue();
            store.release("a", found.leaseId());
        }
    }

    private LeasedBlocks<HostRegion> lookup(int shuffle, long mapId, int partition) {
        return store.lookup("a", new LookupRequest(shuffle, partition, partition + 1, new long[] {mapId}));
    }

    @Test
    void whatIsWrittenOrReadNowStays() throws IOException {
        fill(1);
        assertThat(inMemory(1)).isTrue();
        MapOutput next = outputs.output(100, 1, BLOCK_BYTES);
        assertThat(next.parts().get(0).extent().isFrom(outputs.memory))
                .as("all was just written")
                .isFalse();
        store.commit(2, next);

        outputs.nanos.addAndGet(Duration.ofSeconds(20).toNanos());
        MapOutput later = outputs.output(101, 1, BLOCK_BYTES);
        assertThat(later.parts().get(0).extent().isFrom(outputs.memory))
                .as("not read yet")
                .isFalse();
        store.commit(2, later);

        read(1, 1);
        outputs.nanos.addAndGet(Duration.ofSeconds(4).toNanos());
        MapOutput whileRead = outputs.output(102, 1, BLOCK_BYTES);
        assertThat(whileRead.parts().get(0).extent().isFrom(outputs.memory))
                .as("read 4 s ago")
                .isFalse();
        store.commit(2, whileRead);

        outputs.nanos.addAndGet(Duration.ofSeconds(2).toNanos());
        MapOutput last = outputs.output(103, 1, BLOCK_BYTES);
        assertThat(last.parts().get(0).extent().isFrom(outputs.memory))
                .as("read 6 s ago")
                .isTrue();
        last.free();
    }

    @Test
    void whatALeaseHoldsStays() throws IOException {
        fill(1);
        List<LeasedBlocks<HostRegion>> leases = new ArrayList<>();
        for (long mapId : store.stored().getOrDefault(1, List.of())) {
            leases.add(lookup(1, mapId, 0));
        }
        outputs.nanos.addAndGet(Duration.ofSeconds(60).toNanos());
        MapOutput refused = outputs.output(100, 1, BLOCK_BYTES);
        assertThat(refused.parts().get(0).extent().isFrom(outputs.memory)).isFalse();
        refused.free();
        assertThat(store.movedBytes()).isZero();

        leases.forEach(lease -> store.release("a", lease.leaseId()));
        MapOutput taken = outputs.output(100, 1, BLOCK_BYTES);
        assertThat(taken.parts().get(0).extent().isFrom(outputs.memory)).isTrue();
        taken.free();
    }

    /** Readers look the same outputs up again and again while they move, and while the shuffle is removed at the end. */
    @Test
    void readersSeeWholeOutputsWhileTheyMove() throws Exception {
        int rounds = 30;
        for (int round = 0; round < rounds; round++) {
            int shuffle = round;
            List<Long> mapIds = fill(shuffle);
            AtomicBoolean done = new AtomicBoolean();
            List<CompletableFuture<Long>> readers = new ArrayList<>();
            for (int reader = 0; reader < 3; reader++) {
                int partition = reader;
                readers.add(CompletableFuture.supplyAsync(() -> {
                    long intact = 0;
                    do {
                        for (long mapId : mapIds) {
                            LeasedBlocks<HostRegion> found = lookup(shuffle, mapId, partition);
                            if (!Outputs.isIntact(found, mapId, partition)
                                    || !haveBlocks(store.partitionLengths(shuffle, mapId, Outputs.PARTITIONS))) {
                                throw new AssertionError("map output " + mapId + " of shuffle " + shuffle + " is torn");
                            }
                            store.release("a", found.leaseId());
                            intact++;
                        }
                    } while (!done.get());
                    return intact;
                }));
            }
            outputs.nanos.addAndGet(Duration.ofSeconds(60).toNanos());
            List<MapOutput> taken = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                taken.add(outputs.output(10_000 + i, 1, BLOCK_BYTES));
                outputs.nanos.addAndGet(Duration.ofSeconds(60).toNanos());
            }
            done.set(true);
            for (CompletableFuture<Long> reader : readers) {
                assertThat(reader.get(120, TimeUnit.SECONDS)).isPositive();
            }
            taken.forEach(MapOutput::free);
            store.removeShuffle(shuffle);
        }
        assertThat(store.movedBytes()).isPositive();
    }

    private static boolean haveBlocks(Optional<long[]> lengths) {
        return Arrays.stream(lengths.orElseThrow())
                .allMatch(length -> length == BLOCK_BYTES || length == 2L * BLOCK_BYTES);
    }

    private void read(int shuffle, int partition) {
        for (long mapId : store.stored().getOrDefault(shuffle, List.of())) {
            store.release("a", lookup(shuffle, mapId, partition).leaseId());
        }
    }

    /** Sorting must not see times that change meanwhile. */
    @Test
    void makesRoomWhileManyShufflesAreReadAndWritten() throws Exception {
        int shuffles = 64;
        for (int shuffle = 0; shuffle < shuffles; shuffle++) {
            store.commit(shuffle, outputs.output(shuffle, 1, 100));
        }
        AtomicBoolean done = new AtomicBoolean();
        List<CompletableFuture<Void>> readers = new ArrayList<>();
        for (int reader = 0; reader < 2; reader++) {
            int first = reader;
            readers.add(CompletableFuture.runAsync(() -> {
                for (int i = first; !done.get(); i += 7) {
                    store.release("a", lookup(i % shuffles, i % shuffles, 0).leaseId());
                    outputs.nanos.addAndGet(Duration.ofSeconds(i % 11).toNanos());
                }
            }));
        }
        List<MapOutput> taken = new ArrayList<>();
        for (int i = 0; i < 2_000; i++) {
            taken.add(outputs.output(10_000 + i, 1, BLOCK_BYTES));
            if (taken.size() > 60) {
                taken.remove(0).free();
            }
        }
        done.set(true);
        for (CompletableFuture<Void> reader : readers) {
            reader.get(120, TimeUnit.SECONDS);
        }
        taken.forEach(MapOutput::free);
    }

    /** Commits outputs of two parts until the memory is full. */
    private List<Long> fill(int shuffle) throws IOException {
        List<Long> mapIds = new ArrayList<>();
        while (outputs.memory.usedBytes() < outputs.memory.limitBytes() - 4L * Outputs.PARTITIONS * BLOCK_BYTES) {
            long mapId = shuffle * 1_000L + mapIds.size();
            store.commit(shuffle, outputs.output(mapId, 2, BLOCK_BYTES));
            mapIds.add(mapId);
        }
        while (true) {
            long mapId = shuffle * 1_000L + mapIds.size();
            MapOutput output = outputs.output(mapId, 1, BLOCK_BYTES);
            store.commit(shuffle, output);
            mapIds.add(mapId);
            if (!output.parts().get(0).extent().isFrom(outputs.memory)) {
                return mapIds;
            }
        }
    }

    private boolean inMemory(int shuffle) {
        return outputs.memory.usedBytes() > 3 * MIB && store.stored().containsKey(shuffle);
    }
}
