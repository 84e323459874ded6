// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.spark.SparkConf;
import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.MemoryMode;
import org.apache.spark.memory.TaskMemoryManager;
import org.apache.spark.memory.UnifiedMemoryManager;
import org.apache.spark.unsafe.Platform;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** With Spark's own memory managers: what the log holds, and what it does when it is asked to give it back. */
final class RecordLogTest {
    private static final int PARTITIONS = 5;
    private static final long TASK_BYTES = 8 << 20;

    private final TaskMemoryManager memory =
            new TaskMemoryManager(new UnifiedMemoryManager(new SparkConf(), TASK_BYTES, 0, 1), 1);
    private final RegionPool scratch =
            RegionPool.privateMemory(new RegionPool.Limits(Long.MAX_VALUE / 2, 1 << 20, Duration.ofMinutes(1)));
    private final Drained drained = new Drained();
    private final RecordLog log = new RecordLog(memory, PARTITIONS, drained);

    /** Reads back what was laid out: each partition's records must continue where those of the last drain ended. */
    private final class Drained implements RecordLog.Drain {
        private final long[] next = new long[PARTITIONS];
        private long records;
        private int drains;

        @Override
        public void drain(RecordLog full) throws IOException {
            drains++;
            records += full.records();
            int[] starts = full.bytesByPartition().clone();
            int total = 0;
            for (int i = 0; i < PARTITIONS; i++) {
                int length = starts[i];
                starts[i] = total;
                total += length;
            }
            int[] ends = starts.clone();
            Extent extent = scratch.tryAllocate(Math.max(1, total)).orElseThrow();
            try {
                full.scatterTo(extent, ends);
                for (int partition = 0; partition < PARTITIONS; partition++) {
                    read(extent.slice(starts[partition], ends[partition] - starts[partition]), partition);
                }
            } finally {
                extent.release();
            }
        }

        private void read(ByteBuffer slice, int partition) {
            ByteBuffer bytes = slice.order(ByteOrder.BIG_ENDIAN);
            while (bytes.hasRemaining()) {
                int length = bytes.getInt();
                long sequence = bytes.getLong();
                assertThat(sequence).isEqualTo(next[partition]);
                next[partition]++;
                for (int i = 0; i < length; i++) {
                    assertThat(bytes.get() == (byte) (sequence + i)).isTrue();
                }
            }
        }
    }

    private final long[] written = new long[PARTITIONS];

    private void append(int partition, int length) {
        long sequence = written[partition]++;
        byte[] record = new byte[length];
        for (int i = 0; i < length; i++) {
            record[i] = (byte) (sequence + i);
        }
        byte[] head = ByteBuffer.allocate(Long.BYTES).putLong(sequence).array();
        log.begin(partition);
        log.appendInt(length);
        log.append(head, Platform.BYTE_ARRAY_OFFSET, head.length);
        log.append(record, Platform.BYTE_ARRAY_OFFSET, length);
        assertThat(log.end()).isEqualTo(Integer.BYTES + Long.BYTES + length);
    }

    @AfterEach
    void everythingIsGivenBack() {
        log.free();
        assertThat(log.getUsed()).isZero();
        assertThat(memory.cleanUpAllAllocatedMemory()).isZero();
        assertThat(scratch.usedBytes()).isZero();
        scratch.close();
    }

    @Test
    void keepsRecordsOfAnySizeAcrossPagesAndDrains() throws IOException {
        Random random = new Random(1);
        for (int i = 0; i < 4_000; i++) {
            append(random.nextInt(PARTITIONS), i % 500 == 7 ? 200_000 : random.nextInt(40));
            if (i % 1_000 == 999) {
                log.drain();
            }
        }
        log.drain();
        assertThat(drained.next).isEqualTo(written);
        assertThat(drained.records).isEqualTo(4_000);
        log.drain();
        assertThat(drained.records).isEqualTo(4_000);
    }

    @Test
    void aRecordMayBeLargerThanAllThatWasWrittenBefore() throws IOException {
        append(1, 10);
        append(1, 3_000_000);
        append(2, 0);
        log.drain();
        assertThat(drained.next).isEqualTo(written);
    }

    @Test
    void bytesOfAStreamAreTheRecords() throws IOException {
        OutputStream stream = log.stream();
        for (int i = 0; i < 30_000; i++) {
            log.begin(i % PARTITIONS);
            ByteBuffer record = ByteBuffer.allocate(12 + i % 7).putInt(i % 7).putLong(written[i % PARTITIONS]);
            for (int at = 0; at < i % 7; at++) {
                record.put((byte) (written[i % PARTITIONS] + at));
            }
            for (byte value : record.array()) {
                stream.write(value);
            }
            written[i % PARTITIONS]++;
            log.end();
        }
        log.drain();
        assertThat(drained.next).isEqualTo(written);
    }

    @Test
    void laysOutWhatIsCompleteWhenTheTaskHasNoMoreMemory() throws IOException {
        for (int i = 0; i < 60_000; i++) {
            append(i % PARTITIONS, 400);
        }
        log.drain();
        assertThat(drained.next).isEqualTo(written);
        assertThat(drained.drains).isGreaterThan(1);
        assertThat(log.spilledBytes()).isPositive();
        assertThat(log.peakBytes()).isBetween(1L << 20, TASK_BYTES);
    }

    @Test
    void givesItsMemoryToAnotherConsumerOfItsThread() throws IOException {
        for (int i = 0; i < 9_000; i++) {
            append(i % PARTITIONS, 400);
        }
        MemoryConsumer other = new Silent(memory);
        assertThat(other.acquireMemory(TASK_BYTES)).isEqualTo(TASK_BYTES);
        assertThat(log.getUsed()).isZero();
        other.freeMemory(TASK_BYTES);
        append(3, 20);
        log.drain();
        assertThat(drained.next).isEqualTo(written);
    }

    @Test
    void keepsARecordThatIsBeingWritten() throws IOException {
        append(0, 100);
        log.begin(1);
        log.appendInt(0);
        MemoryConsumer other = new Silent(memory);
        long got = other.acquireMemory(TASK_BYTES);
        assertThat(got).isLessThan(TASK_BYTES);
        assertThat(log.getUsed()).isPositive();
        other.freeMemory(got);
        log.append(new byte[Long.BYTES], Platform.BYTE_ARRAY_OFFSET, Long.BYTES);
        log.end();
        log.drain();
        assertThat(drained.next).containsExactly(1, 1, 0, 0, 0);
    }

    /** As a task that feeds a Python worker has: the log must not be touched by a thread that is not its own. */
    @Test
    void anotherThreadOfTheTaskThatNeedsMemoryLosesNoRecord() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        CountDownLatch asking = new CountDownLatch(1);
        CompletableFuture<Void> asker = CompletableFuture.runAsync(() -> {
            MemoryConsumer other = new Silent(memory);
            while (!done.get()) {
                long got = other.acquireMemory(TASK_BYTES / 2);
                asking.countDown();
                other.freeMemory(got);
            }
        });
        try {
            assertThat(asking.await(60, TimeUnit.SECONDS)).isTrue();
            Random random = new Random(2);
            for (int i = 0; i < 200_000; i++) {
                append(random.nextInt(PARTITIONS), random.nextInt(400));
            }
            log.drain();
        } finally {
            done.set(true);
            asker.get(60, TimeUnit.SECONDS);
        }
        assertThat(drained.next).isEqualTo(written);
        assertThat(drained.records).isEqualTo(200_000);
    }

    @Test
    void aFailedLayOutReachesTheWriterAsItIs() {
        RecordLog failing = new RecordLog(memory, 1, full -> {
            throw new IOException("no space");
        });
        byte[] record = new byte[1 << 20];
        assertThatThrownBy(() -> {
                    for (int i = 0; i < 20; i++) {
                        failing.begin(0);
                        failing.append(record, Platform.BYTE_ARRAY_OFFSET, record.length);
                        failing.end();
                    }
                })
                .isExactlyInstanceOf(IOException.class)
                .hasMessage("no space");
        failing.free();
    }

    /** Holds memory and gives none back when asked. */
    private static final class Silent extends MemoryConsumer {
        Silent(TaskMemoryManager memory) {
            super(memory, 1 << 20, MemoryMode.ON_HEAP);
        }

        @Override
        public long spill(long size, MemoryConsumer trigger) {
            return 0;
        }
    }
}
