// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.memory.RegionPool.Limits;
import io.sparkmooncake.transfer.testing.Footprint;
import io.sparkmooncake.transfer.testing.Pattern;
import io.sparkmooncake.transfer.testing.Workers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class RegionPoolTest {
    private static final Path DIR = Path.of("/dev/shm");
    private static final int MIB = 1 << 20;
    private static final Duration IDLE = Duration.ofSeconds(60);

    private final CountingListener listener = new CountingListener();
    private Footprint before;

    @BeforeEach
    void look() throws IOException {
        Regions.create(DIR, 1, Location.ANY).release();
        before = Footprint.take(DIR);
    }

    @AfterEach
    void nothingIsLeftBehind() {
        before.assertRestored();
        assertThat(listener.live.get()).as("regions created and not retired").isZero();
    }

    @Test
    void whatAKillLeftBehindIsDeletedByTheNextPool(@TempDir Path folder) throws IOException {
        FileTime longAgo = FileTime.from(Instant.now().minus(Duration.ofMinutes(2)));
        Path left = Files.createFile(folder.resolve("spark-mooncake-1-left"));
        Path fresh = Files.createFile(folder.resolve("spark-mooncake-1-fresh"));
        Path full = Files.writeString(folder.resolve("spark-mooncake-1-full"), "x");
        Path other = Files.createFile(folder.resolve("other"));
        for (Path old : List.of(left, full, other)) {
            Files.setLastModifiedTime(old, longAgo);
        }
        RegionPool.files(List.of(folder), new Limits(MIB, MIB, IDLE), listener).close();
        assertThat(left).doesNotExist();
        assertThat(List.of(fresh, full, other))
                .allSatisfy(file -> assertThat(file).exists());
    }

    @ParameterizedTest
    @ValueSource(strings = {"shared", "files", "private"})
    void agreesWithAModel(String kind) throws IOException {
        Limits limits = new Limits(24L * MIB, 4L * MIB, IDLE);
        RegionPool pool = pool(kind, limits);
        Random random = new Random(kind.hashCode());
        List<Tagged> live = new ArrayList<>();
        for (int step = 0; step < 4_000; step++) {
            int dice = random.nextInt(100);
            if (dice < 50) {
                long wanted = 1L + random.nextInt(random.nextInt(50) == 0 ? 6 * MIB : 200_000);
                Optional<Extent> extent = pool.tryAllocate(wanted);
                extent.ifPresent(taken -> live.add(new Tagged(taken, wanted, random.nextLong())));
                extent.ifPresent(taken -> live.get(live.size() - 1).fill());
            } else if (!live.isEmpty()) {
                Tagged one = live.get(random.nextInt(live.size()));
                one.verify();
                if (dice < 60) {
                    one.shrink(random);
                } else {
                    live.remove(one);
                    one.extent.release();
                }
            }
            if (dice == 0) {
                pool.trim(System.nanoTime() + IDLE.toNanos());
            }
            if (step % 100 == 0) {
                assertSound(pool, limits, live);
            }
        }
        live.forEach(Tagged::verify);
        pool.close();
        assertThatThrownBy(() -> pool.tryAllocate(1))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("closed");
        live.forEach(one -> one.extent.release());
        assertThat(pool.usedBytes()).isZero();
        assertThat(pool.committedBytes()).isZero();
    }

    private static void assertSound(RegionPool pool, Limits limits, List<Tagged> live) {
        Map<Long, TreeMap<Long, Long>> taken = new HashMap<>();
        long used = 0;
        for (Tagged one : live) {
            Extent extent = one.extent;
            used += extent.sizeBytes();
            TreeMap<Long, Long> stretches =
                    taken.computeIfAbsent(extent.region().id(), id -> new TreeMap<>());
            long end = extent.offset() + extent.sizeBytes();
            assertThat(end).isLessThanOrEqualTo(extent.region().sizeBytes());
            Map.Entry<Long, Long> below = stretches.floorEntry(extent.offset());
            assertThat(below == null || below.getValue() <= extent.offset()).isTrue();
            Long above = stretches.ceilingKey(extent.offset());
            assertThat(above == null || above >= end).isTrue();
            stretches.put(extent.offset(), end);
        }
        assertThat(pool.usedBytes()).isEqualTo(used).isLessThanOrEqualTo(limits.limitBytes());
        assertThat(pool.extents()).isEqualTo(live.size());
    }

    @Test
    void refusesToExceedItsLimitWithoutMakingRegions() throws IOException {
        RegionPool pool = pool("shared", new Limits(8L * MIB, 4L * MIB, IDLE));
        Extent first = pool.tryAllocate(3L * MIB).orElseThrow();
        Extent second = pool.tryAllocate(3L * MIB).orElseThrow();
        int regions = listener.live.get();
        for (int i = 0; i < 50; i++) {
            assertThat(pool.tryAllocate(2L * MIB + 1)).isEmpty();
            assertThat(pool.tryAllocate(9L * MIB)).isEmpty();
        }
        assertThat(listener.live.get()).isEqualTo(regions);
        assertThat(pool.committedBytes()).isLessThanOrEqualTo(pool.limitBytes());
        first.release();
        second.release();
        pool.close();
    }

    @Test
    void idleRegionsMakeRoomForALargerExtent() throws IOException {
        RegionPool pool = pool("shared", new Limits(8L * MIB, 4L * MIB, IDLE));
        pool.tryAllocate(MIB).orElseThrow().release();
        Extent large = pool.tryAllocate(6L * MIB).orElseThrow();
        assertThat(pool.committedBytes()).isLessThanOrEqualTo(pool.limitBytes());
        large.release();
        pool.close();
    }

    @Test
    void trimReturnsRegionsOnlyOnceTheyWereIdle() throws IOException {
        RegionPool pool = pool("shared", new Limits(8L * MIB, 4L * MIB, IDLE));
        Extent extent = pool.tryAllocate(100).orElseThrow();
        pool.trim(System.nanoTime() + 2 * IDLE.toNanos());
        assertThat(pool.committedBytes()).isPositive();
        extent.release();
        pool.trim(System.nanoTime());
        assertThat(pool.committedBytes()).isPositive();
        pool.trim(System.nanoTime() + IDLE.toNanos());
        assertThat(pool.committedBytes()).isZero();
        pool.close();
    }

    @Test
    void directMemoryOfTheJvmIsALimitToo() throws IOException {
        RegionPool pool = pool("private", new Limits(1L << 40, 64L * MIB, IDLE));
        assertThat(pool.tryAllocate(3L << 30)).isEmpty();
        List<Extent> taken = new ArrayList<>();
        Optional<Extent> next = pool.tryAllocate(256L * MIB);
        while (next.isPresent()) {
            taken.add(next.get());
            assertThat(taken).hasSizeLessThan(100);
            next = pool.tryAllocate(256L * MIB);
        }
        taken.forEach(Extent::release);
        pool.close();
    }

    @Test
    void extentCountsItsOwners() throws IOException {
        RegionPool pool = pool("shared", new Limits(MIB, MIB, IDLE));
        Extent extent = pool.tryAllocate(100).orElseThrow();
        extent.retain();
        extent.release();
        assertThat(pool.extents()).isEqualTo(1);
        assertThatThrownBy(() -> extent.slice(1, (int) extent.sizeBytes()))
                .isInstanceOf(IndexOutOfBoundsException.class);
        extent.release();
        assertThat(pool.extents()).isZero();
        assertThatThrownBy(extent::release).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(extent::retain).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> pool.tryAllocate(0)).isInstanceOf(IllegalArgumentException.class);
        assertThat(pool.tryAllocate(Long.MAX_VALUE)).isEmpty();
        pool.close();
    }

    @Test
    void threadsShareAPool() throws Exception {
        RegionPool pool = pool("shared", new Limits(16L * MIB, 4L * MIB, IDLE));
        Workers.inThreads(8, thread -> {
            Random random = new Random(thread);
            List<Tagged> live = new ArrayList<>();
            for (int step = 0; step < 1_000; step++) {
                if (random.nextBoolean()) {
                    long wanted = 1L + random.nextInt(100_000);
                    pool.tryAllocate(wanted).ifPresent(extent -> {
                        Tagged one = new Tagged(extent, wanted, random.nextLong());
                        one.fill();
                        live.add(one);
                    });
                } else if (!live.isEmpty()) {
                    Tagged one = live.remove(random.nextInt(live.size()));
                    one.verify();
                    one.shrink(random);
                    one.extent.release();
                }
                if (step % 97 == 0) {
                    pool.trim(System.nanoTime() + IDLE.toNanos());
                }
            }
            live.forEach(Tagged::verify);
            live.forEach(one -> one.extent.release());
        });
        assertThat(pool.usedBytes()).isZero();
        pool.close();
    }

    @Test
    void givingBackWaitsForNoRegionThatIsBeingMade() throws Exception {
        CountDownLatch making = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger made = new AtomicInteger();
        RegionListener slow = new RegionListener() {
            @Override
            public void created(HostRegion region) {
                if (made.incrementAndGet() == 2) {
                    making.countDown();
                    awaitLatch(goOn);
                }
            }

            @Override
            public void retiring(HostRegion region) {}
        };
        RegionPool pool = RegionPool.sharedMemory(DIR, new Limits(16L * MIB, 4L * MIB, IDLE), slow);
        Extent first = pool.tryAllocate(4L * MIB).orElseThrow();
        List<Extent> second = Collections.synchronizedList(new ArrayList<>());
        Workers.inThreads(2, thread -> {
            if (thread == 0) {
                second.add(pool.tryAllocate(4L * MIB).orElseThrow());
            } else {
                awaitLatch(making);
                first.release();
                assertThat(pool.usedBytes()).isZero();
                goOn.countDown();
            }
        });
        second.forEach(Extent::release);
        pool.close();
        assertThat(pool.committedBytes()).isZero();
    }

    @Test
    void threadsThatAskAtOnceShareTheRegionThatOneOfThemMakes() throws Exception {
        RegionPool pool = pool("files", new Limits(64L * MIB, 16L * MIB, IDLE));
        List<Extent> taken = Collections.synchronizedList(new ArrayList<>());
        Workers.inThreads(8, thread -> taken.add(pool.tryAllocate(MIB).orElseThrow()));
        assertThat(listener.live.get()).isEqualTo(1);
        taken.forEach(Extent::release);
        pool.close();
    }

    @Test
    void aListenerThatThrowsLeavesNothing() throws IOException {
        AtomicInteger calls = new AtomicInteger();
        RegionListener throwing = new RegionListener() {
            @Override
            public void created(HostRegion region) {
                if (calls.incrementAndGet() == 1) {
                    throw new IllegalStateException("no registration");
                }
            }

            @Override
            public void retiring(HostRegion region) {
                throw new IllegalStateException("no end of it");
            }
        };
        RegionPool pool = RegionPool.sharedMemory(DIR, new Limits(8L * MIB, 4L * MIB, IDLE), throwing);
        assertThatThrownBy(() -> pool.tryAllocate(MIB)).hasMessage("no registration");
        assertThat(pool.committedBytes()).isZero();
        Extent one = pool.tryAllocate(4L * MIB).orElseThrow();
        Extent other = pool.tryAllocate(4L * MIB).orElseThrow();
        one.release();
        other.release();
        assertThatThrownBy(() -> pool.trim(System.nanoTime() + IDLE.toNanos())).hasMessage("no end of it");
        assertThat(pool.committedBytes()).isZero();
        pool.close();
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            assertThat(latch.await(4, TimeUnit.MINUTES)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private RegionPool pool(String kind, Limits limits) {
        return switch (kind) {
            case "shared" -> RegionPool.sharedMemory(DIR, limits, listener);
            case "files" -> RegionPool.files(List.of(DIR), limits, listener);
            default -> RegionPool.privateMemory(limits);
        };
    }

    /** An extent whose bytes are known. */
    private static final class Tagged {
        private final Extent extent;
        private final long seed;
        private long length;

        Tagged(Extent extent, long length, long seed) {
            this.extent = extent;
            this.length = length;
            this.seed = seed;
            assertThat(extent.sizeBytes()).isGreaterThanOrEqualTo(length);
        }

        void fill() {
            HostRegion bytes = memory();
            Pattern.fill(bytes, extent.offset(), length, seed);
            try {
                if (bytes != extent.region()) {
                    extent.write(0, bytes.slice(extent.offset(), (int) length));
                    bytes.release();
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        void verify() {
            HostRegion bytes = memory();
            try {
                if (bytes != extent.region()) {
                    extent.read(0, bytes.slice(extent.offset(), (int) length));
                }
                assertThat(Pattern.mismatch(bytes, extent.offset(), length, seed, extent.offset()))
                        .isEqualTo(-1);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } finally {
                if (bytes != extent.region()) {
                    bytes.release();
                }
            }
        }

        /** Returns the extent's own region, or one of the same shape that is addressable. */
        private HostRegion memory() {
            return extent.region().isAddressable()
                    ? extent.region()
                    : Regions.allocate(extent.offset() + Math.max(1, length));
        }

        void shrink(Random random) {
            long newLength = (long) (random.nextDouble() * length);
            extent.shrink(newLength);
            assertThat(extent.sizeBytes()).isGreaterThanOrEqualTo(newLength);
            length = newLength;
        }
    }

    private static final class CountingListener implements RegionListener {
        private final AtomicInteger live = new AtomicInteger();

        @Override
        public void created(HostRegion region) {
            live.incrementAndGet();
        }

        @Override
        public void retiring(HostRegion region) {
            live.decrementAndGet();
        }
    }
}
