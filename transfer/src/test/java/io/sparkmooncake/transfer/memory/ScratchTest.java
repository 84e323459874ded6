// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.memory.RegionPool.Limits;
import io.sparkmooncake.transfer.testing.Workers;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Private memory that tasks share and wait for. */
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

    private CompletableFuture<Extent> waiting(long bytes) {
        CompletableFuture<Extent> got = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        got.complete(pool.allocate(bytes, PATIENCE));
                    } catch (IOException | RuntimeException e) {
                        got.completeExceptionally(e);
                    }
                },
                "waits-for-scratch");
        thread.setDaemon(true);
        thread.start();
        Awaitility.await().until(() -> got.isDone() || thread.getState() == Thread.State.TIMED_WAITING);
        return got;
    }

    @Test
    void aTaskWaitsUntilAnotherGivesBack() throws Exception {
        Extent all = pool.allocate(16 * MIB, PATIENCE);
        CompletableFuture<Extent> next = waiting(8 * MIB);
        assertThat(next).isNotDone();
        all.release();
        next.get(4, TimeUnit.MINUTES).release();
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
    void theFirstInLineIsNotOvertakenBySmallerOnes() throws Exception {
        Extent half = pool.allocate(8 * MIB, PATIENCE);
        Extent other = pool.allocate(8 * MIB, PATIENCE);
        CompletableFuture<Extent> large = waiting(16 * MIB);
        half.release();
        assertThat(pool.tryAllocate(2 * MIB)).as("others wait").isEmpty();
        CompletableFuture<Extent> second = waiting(2 * MIB);
        assertThat(second).isNotDone();
        other.release();
        Extent whole = large.get(4, TimeUnit.MINUTES);
        assertThat(second).isNotDone();
        whole.release();
        second.get(4, TimeUnit.MINUTES).release();
    }

    @Test
    void theLeastIsGrantedAtOnceToATaskThatHoldsSomething() throws Exception {
        Extent all = pool.allocate(16 * MIB, PATIENCE);
        CompletableFuture<Extent> inLine = waiting(2 * MIB);
        pool.allocate(RegionPool.LEAST_BYTES, Duration.ofMillis(1)).release();
        all.release();
        inLine.get(4, TimeUnit.MINUTES).release();
    }

    @Test
    void whatExceedsTheLimitIsGrantedAlone() throws Exception {
        Extent one = pool.allocate(2 * MIB, PATIENCE);
        CompletableFuture<Extent> tooLarge = waiting(20 * MIB);
        assertThat(tooLarge).isNotDone();
        one.release();
        Extent large = tooLarge.get(4, TimeUnit.MINUTES);
        assertThat(pool.tryAllocate(2 * MIB)).isEmpty();
        large.release();
    }

    @Test
    void aWaitThatFailsNamesTheLimitAndTheSetting() throws Exception {
        Extent all = pool.allocate(16 * MIB, PATIENCE);
        assertThatThrownBy(() -> pool.allocate(2 * MIB, Duration.ofMillis(50)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("2097152 bytes")
                .hasMessageContaining("limit=16777216 used=16777216 extents=1")
                .hasMessageContaining("spark.mooncake.shuffle.scratch");
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> pool.allocate(2 * MIB, PATIENCE)).isInstanceOf(InterruptedIOException.class);
        assertThat(Thread.interrupted()).isTrue();
        all.release();
        pool.tryAllocate(16 * MIB).orElseThrow().release();
    }

    @Test
    void theFirstInLineDoesNotWaitForTasksThatHoldMemoryWithoutHavingWaited() throws Exception {
        Extent blocks = pool.tryAllocate(16 * MIB).orElseThrow();
        Extent run = pool.allocate(8 * MIB, PATIENCE);
        CompletableFuture<Extent> next = waiting(8 * MIB);
        assertThat(next).as("one at a time beyond the limit").isNotDone();
        run.release();
        next.get(4, TimeUnit.MINUTES).release();
        blocks.release();
    }

    @Test
    void tasksThatKeepTheRuleAllFinish() throws Exception {
        AtomicLong most = new AtomicLong();
        Workers.inThreads(8, thread -> {
            Random random = new Random(thread);
            for (int task = 0; task < 50; task++) {
                Optional<Extent> blocks = pool.tryAllocate(4 * MIB);
                Extent run = pool.allocate(1 + random.nextInt(10 << 20), PATIENCE);
                Extent part = pool.allocate(1 + random.nextInt((int) RegionPool.LEAST_BYTES), PATIENCE);
                most.accumulateAndGet(pool.committedBytes(), Math::max);
                part.release();
                run.release();
                blocks.ifPresent(Extent::release);
            }
        });
        assertThat(most.get())
                .as("the limit, one run, and parts")
                .isLessThanOrEqualTo((16 + 10) * MIB + 2 * 8 * RegionPool.LEAST_BYTES);
    }
}
