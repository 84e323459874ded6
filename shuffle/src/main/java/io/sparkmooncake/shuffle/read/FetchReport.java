// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.shuffle.read.ReadCounters.Path;
import io.sparkmooncake.shuffle.read.ReadCounters.Retry;
import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.shuffle.spark.SparkInternals.FailedBlock;
import io.sparkmooncake.shuffle.store.LookupRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.spark.TaskContext;
import org.apache.spark.shuffle.ShuffleReadMetricsReporter;
import org.jspecify.annotations.Nullable;

/**
 * What Spark learns of one task's reading: metrics, and failures with the block, the executor and the limit that they concern.
 *
 * <p>Threading: the reading thread.
 */
final class FetchReport {
    private final int shuffleId;
    private final TaskContext context;
    private final ReadCounters counters;
    private final ShuffleReadMetricsReporter metrics;

    FetchReport(int shuffleId, TaskContext context, ReadCounters counters, ShuffleReadMetricsReporter metrics) {
        this.shuffleId = shuffleId;
        this.context = context;
        this.counters = counters;
        this.metrics = metrics;
    }

    TaskContext context() {
        return context;
    }

    /** Returns what a look-up of this task asks for. */
    LookupRequest request(PeerBlocks source) {
        return new LookupRequest(shuffleId, source.startPartition(), source.endPartition(), source.mapIds());
    }

    void waited(long nanos) {
        counters.waited(nanos);
        metrics.incFetchWaitTime(TimeUnit.NANOSECONDS.toMillis(nanos));
    }

    /** Counts what is done again because it failed. */
    void retried(Retry what, PeerBlocks source, Throwable cause) {
        counters.retried(what, source.describe(), cause);
    }

    /** Counts the row that a group is at. */
    void taken(Group group) {
        long bytes = group.rowBytes();
        counters.read(group.path(), bytes);
        if (group.path() == Path.IN_PROCESS) {
            metrics.incLocalBlocksFetched(1);
            metrics.incLocalBytesRead(bytes);
        } else {
            metrics.incRemoteBlocksFetched(1);
            metrics.incRemoteBytesRead(bytes);
        }
    }

    /** Returns the failure of a thread that goes on reading when its task has ended. */
    RuntimeException closed() {
        return new IllegalStateException(
                "the task that reads shuffle " + shuffleId + " has ended: its input is closed");
    }

    /** Compares an answer with what Spark expects there, so that nothing is silently left out. */
    void requireComplete(FoundBlocks found) {
        PeerBlocks source = found.source();
        int ordinal = found.table().firstIncomplete(source.blocksPerMap());
        if (ordinal >= 0) {
            throw failed(
                    source,
                    source.failed(ordinal),
                    "it does not hold all blocks of map output " + source.mapIds()[ordinal]
                            + " that Spark expects there: the output was removed, or its executor restarted",
                    null);
        }
        int row = found.table().firstCutOff();
        if (row >= 0) {
            throw failed(
                    source,
                    block(found, row),
                    "row " + row
                            + " of its answer is out of place: the block goes on, and the next row is not of the same"
                            + " map output and partition",
                    null);
        }
    }

    private static FailedBlock block(FoundBlocks found, int row) {
        return found.source().failed(found.table().map(row), found.table().partition(row));
    }

    RuntimeException notLookedUp(PeerBlocks source, int attempts, Throwable cause) {
        return failed(source, "its blocks could not be looked up" + in(attempts), cause);
    }

    RuntimeException notConnected(PeerBlocks source, int attempts, Throwable cause) {
        return failed(source, "its blocks could not be transferred" + in(attempts), cause);
    }

    RuntimeException notTransferred(Group group, int attempts, Throwable cause) {
        return failed(group, group.startRow(), "its blocks could not be transferred" + in(attempts), cause);
    }

    private static String in(int attempts) {
        return attempts <= 1 ? "" : " in " + attempts + " attempts";
    }

    RuntimeException replaced(PeerBlocks source) {
        return failed(source, "its executor was replaced by a new process under its name", null);
    }

    /** Makes the row that a group is at readable; one that cannot be read, or without a lease, is computed again. */
    void load(Group group) {
        try {
            group.load();
        } catch (IOException e) {
            throw failed(group, group.row(), "its block could not be read over " + group.path(), e);
        }
        requireLease(group);
    }

    RuntimeException corrupt(Group group, int actualCrc) {
        int expected = group.table().checksum(group.row());
        return failed(
                group,
                group.row(),
                "a block of " + group.rowBytes() + " bytes read over " + group.path() + " is corrupt: crc32c=0x"
                        + Integer.toHexString(actualCrc) + ", its writer computed 0x" + Integer.toHexString(expected),
                null);
    }

    /** Fails when the owner may have reused the memory that a group is read from. */
    void requireLease(Group group) {
        if (group.isExpired()) {
            throw expired(group.source());
        }
    }

    RuntimeException expired(PeerBlocks source) {
        return failed(
                source,
                "the lease on its blocks ended while they were read: this process was stopped for longer than"
                        + " spark.mooncake.lease.timeout, or the owner could not be reached to renew it",
                null);
    }

    RuntimeException stuckInFlight(PeerBlocks source, int requests, Duration waited) {
        return failed(
                source,
                "nothing came for " + waited.toSeconds() + " s with requests in flight=" + requests
                        + ": see spark.mooncake.transfer.timeout",
                null);
    }

    /**
     * Nothing is under way and nothing can be begun: what is missing is here.
     *
     * @param memory describes the memory that is missing; null when something else is
     */
    RuntimeException stuckHere(@Nullable String memory, Optional<PeerBlocks> source, Duration waited) {
        String from = source.map(known -> " from " + known.describe()).orElse("");
        return here(
                memory != null
                        ? "no private memory to receive blocks" + from + " became free in " + waited.toSeconds()
                                + " s (" + memory + "): other tasks of this executor hold it. Raise "
                                + Settings.SCRATCH_MEMORY.key() + ", then -XX:MaxDirectMemorySize and"
                                + " spark.executor.memoryOverhead, lower spark.reducer.maxSizeInFlight, or run fewer tasks at"
                                + " a time"
                        : "blocks" + from + " could not be asked for in " + waited.toSeconds()
                                + " s: other tasks of this executor have as much under way as"
                                + " spark.mooncake.transfer.maxBytesInFlight allows",
                null);
    }

    /** Memory of a peer on this host could not be mapped, and no other path reaches it. */
    RuntimeException notMapped(PeerBlocks source, Throwable cause, Throwable other) {
        return here(
                "memory of " + source.describe()
                        + " could not be mapped into this process, and it is not reached otherwise ("
                        + other.getMessage() + "): " + cause.getMessage()
                        + ". Raise the limit of open files (ulimit -n) or of mappings (vm.max_map_count), or add tcp to"
                        + " spark.mooncake.transfer.paths",
                cause);
    }

    private RuntimeException here(String what, @Nullable Throwable cause) {
        throw SparkInternals.sneaky(new IOException("shuffle " + shuffleId + ": " + what, cause));
    }

    private RuntimeException failed(PeerBlocks source, String what, @Nullable Throwable cause) {
        return failed(source, source.failed(0), what, cause);
    }

    /** Returns the failure to read a row of a group. */
    RuntimeException failed(Group group, int row, String what, @Nullable Throwable cause) {
        return failed(group.source(), block(group.found(), row), what, cause);
    }

    private RuntimeException failed(PeerBlocks source, FailedBlock block, String what, @Nullable Throwable cause) {
        String reason = cause == null ? "" : ": " + cause.getMessage();
        if (cause != null && BlockOwners.isShortOfMemory(cause)) {
            return here(
                    "from " + source.describe() + ": " + what + reason + ". This process has no direct memory left for"
                            + " messages: raise -XX:MaxDirectMemorySize and spark.executor.memoryOverhead, or run fewer"
                            + " tasks at a time",
                    cause);
        }
        return SparkInternals.fetchFailed(
                source.address(),
                shuffleId,
                block,
                "shuffle " + shuffleId + " map " + block.mapIndex() + " (id " + block.mapId() + ") partition "
                        + block.partition() + " from " + source.describe() + ": " + what + reason,
                cause);
    }
}
