// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.memory.RegionPool.Limits;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Private memory that tasks share. */
final class ScratchTest {
    private static final long MIB = 1L << 20;
    private static final Duration PATIENCE = Duration.ofMinutes(4);

    private final RegionPool pool = RegionPool.privateMemory(new Limits(16 * MIB, 4 * MIB, Duration.ofSeconds(60)));

    @AfterEach
    void close() {
        assertThat(pool.extents()).isZero();
        pool.close();
        assertThat(pool.committedBytes()).isZero();
    }

    @Test
    void neverTakesMoreThanItsLimit() throws Exception {
        List<Extent> taken = new ArrayList<>();
        Optional<Extent> next = pool.tryAllocate(3 * MIB);
        while (next.isPresent()) {
            taken.add(next.get());
            next = pool.tryAllocate(3 * MIB);
        }
        assertThat(taken).hasSizeGreaterThanOrEqualTo(4);
        assertThat(pool.committedBytes()).isLessThanOrEqualTo(16 * MIB);
        taken.forEach(Extent::release);
    }

    @Test
    void theLeastIsGrantedBeyondTheLimit() throws Exception {
        Extent all = pool.tryAllocate(16 * MIB).orElseThrow();
        assertThat(pool.tryAllocate(1)).isEmpty();
        Extent least = pool.allocateLeast(RegionPool.LEAST_BYTES, Duration.ofMillis(1));
        assertThat(least.sizeBytes()).isEqualTo(RegionPool.LEAST_BYTES);
        all.release();
        least.release();
        assertThatThrownBy(() -> pool.allocateLeast(RegionPool.LEAST_BYTES + 1, PATIENCE))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1048577");
    }

    @Test
    void moreThanTheLeastIsGrantedBeyondTheLimitToOneThreadAtATime() throws Exception {
        Extent all = pool.tryAllocate(16 * MIB).orElseThrow();
        Extent one = pool.tryNeeded(2 * MIB).orElseThrow();
        Extent another = pool.tryNeeded(3 * MIB).orElseThrow();
        assertThat(CompletableFuture.supplyAsync(() -> needed(2 * MIB)).get()).isEmpty();
        one.release();
        assertThat(CompletableFuture.supplyAsync(() -> needed(2 * MIB)).get()).isEmpty();
        another.release();
        Optional<Extent> next =
                CompletableFuture.supplyAsync(() -> needed(2 * MIB)).get();
        assertThat(next).isPresent();
        next.get().release();
        all.release();
    }

    private Optional<Extent> needed(long bytes) {
        try {
            return pool.tryNeeded(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Takes all direct memory of this JVM. */
    @Test
    void waitsForTheLeastWhileTheJvmHasNoDirectMemory() throws Exception {
        List<Extent> direct = new ArrayList<>();
        RegionPool greedy =
                RegionPool.privateMemory(new Limits(Long.MAX_VALUE / 4, RegionPool.LEAST_BYTES, Duration.ZERO));
        for (long bytes = 256 * MIB; bytes >= RegionPool.LEAST_BYTES / 2; bytes /= 2) {
            Optional<Extent> next = greedy.tryAllocate(bytes);
            while (next.isPresent()) {
                direct.add(next.get());
                next = greedy.tryAllocate(bytes);
            }
        }
        try {
            waitsFor(direct, greedy);
        } finally {
            direct.forEach(Extent::release);
            greedy.close();
        }
    }

    private void waitsFor(List<Extent> direct, RegionPool greedy) throws Exception {
        assertThatThrownBy(() -> pool.allocateLeast(RegionPool.LEAST_BYTES, Duration.ofMillis(50)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("1048576 bytes of direct memory")
                .hasMessageContaining("limit=16777216 used=0 extents=0")
                .hasMessageContaining("-XX:MaxDirectMemorySize");
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> pool.allocateLeast(1, PATIENCE)).isInstanceOf(InterruptedIOException.class);
        assertThat(Thread.interrupted()).isTrue();
        CompletableFuture<Extent> got = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        got.complete(pool.allocateLeast(RegionPool.LEAST_BYTES, PATIENCE));
                    } catch (IOException | RuntimeException e) {
                        got.completeExceptionally(e);
                    }
                },
                "waits-for-scratch");
        thread.setDaemon(true);
        thread.start();
        Awaitility.await()
                .atMost(Duration.ofMinutes(2))
                .until(() -> got.isDone() || thread.getState() == Thread.State.TIMED_WAITING);
        direct.remove(direct.size() - 1).release();
        greedy.trim(System.nanoTime());
        direct.remove(0).release();
        greedy.trim(System.nanoTime());
        got.get(4, TimeUnit.MINUTES).release();
    }
}
