// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;

/**
 * The records of a log in the order of their partitions, laid out in private memory: all at once when there is enough of it, else
 * window by window, with a walk over the log for each. The smallest window is always granted, so no task waits for another one.
 *
 * <p>Threading: the task's thread.
 */
final class StagedRun implements AutoCloseable {
    private static final int SMALLER_WINDOWS = 8;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final RecordLog log;
    private final int[] starts;
    private final Extent window;
    private final long windowBytes;
    private long windowStart = Long.MIN_VALUE;

    /** Stages a log that is not empty; its lengths by partition become where each partition begins. */
    StagedRun(RegionPool scratch, RecordLog log) throws IOException {
        this.log = log;
        int[] lengths = log.bytesByPartition();
        this.starts = new int[lengths.length];
        long start = 0;
        for (int partition = 0; partition < lengths.length; partition++) {
            starts[partition] = (int) start;
            start += Integer.toUnsignedLong(lengths[partition]);
        }
        this.window = allocate(scratch, log.bytes());
        this.windowBytes = window.sizeBytes();
    }

    private static Extent allocate(RegionPool scratch, long bytes) throws IOException {
        Optional<Extent> all = scratch.tryAllocate(bytes);
        if (all.isPresent()) {
            return all.get();
        }
        Optional<Extent> some = scratch.tryAllocate(Math.max(RegionPool.LEAST_BYTES, bytes / SMALLER_WINDOWS));
        return some.isPresent() ? some.get() : scratch.allocateLeast(Math.min(bytes, RegionPool.LEAST_BYTES), PATIENCE);
    }

    /** Returns a view of at least one byte from {@code position} on, and of at most {@code maxBytes}. */
    ByteBuffer at(long position, long maxBytes) {
        if (position < windowStart || position >= windowStart + windowBytes) {
            windowStart = position;
            log.scatterTo(window, starts.clone(), windowStart);
        }
        long length = Math.min(maxBytes, windowStart + windowBytes - position);
        return window.slice(position - windowStart, (int) Math.min(length, HostRegion.MAX_SLICE_BYTES));
    }

    @Override
    public void close() {
        window.release();
    }
}
