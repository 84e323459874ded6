// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.read.ReadCounters.Path;
import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.shuffle.spark.SparkInternals.FailedBlock;
import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.shuffle.store.LeasedBlocks;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.apache.spark.TaskContext;
import org.apache.spark.shuffle.ShuffleReadMetricsReporter;
import org.jspecify.annotations.Nullable;

/**
 * Brings the blocks of one reduce task, in the order in which they become readable. Every block is complete and verified
 * before it is handed out; anything else is Spark's FetchFailedException, at once and with its cause.
 *
 * <p>Threading: the task's thread; other threads only add to {@link FetchEvents}.
 */
final class BlockFetch implements AutoCloseable {
    private static final long POLL_MILLIS = 200;

    private final ReadEnvironment environment;
    private final ReadTask task;
    private final ShuffleReadMetricsReporter metrics;
    private final FetchEvents events = new FetchEvents();
    private final Deque<PeerBlocks> notAsked = new ArrayDeque<>();
    private final List<RemoteReads> allReads = new ArrayList<>();
    private final Deque<RemoteReads> remoteReads = new ArrayDeque<>();
    private final Deque<Blocks> readable = new ArrayDeque<>();
    private final CRC32C crc = new CRC32C();
    private final ByteBudget budget;
    private final long stallNanos;
    private long lastEventNanos = System.nanoTime();
    private int requestsInFlight;
    private @Nullable PeerBlocks lastAsked;
    private @Nullable Blocks current;
    private boolean currentTaken = true;

    /**
     * What a task reads.
     *
     * @param shuffleId Spark's shuffle id
     * @param startPartition first partition
     * @param endPartition partition after the last
     * @param context the task
     */
    record ReadTask(int shuffleId, int startPartition, int endPartition, TaskContext context) {}

    BlockFetch(ReadEnvironment environment, ReadTask task, ShuffleReadMetricsReporter metrics) {
        this.environment = environment;
        this.task = task;
        this.metrics = metrics;
        this.budget = new ByteBudget(environment.limits().maxBytesInFlight());
        this.stallNanos = environment
                .limits()
                .connectTimeout()
                .plus(environment.limits().timeout())
                .plusSeconds(10)
                .toNanos();
    }

    /** Looks the blocks up; those of this executor become readable at once. */
    void start(List<PeerBlocks> sources) {
        List<PeerBlocks> own = new ArrayList<>();
        for (PeerBlocks source : sources) {
            (source.address().executorId().equals(environment.self()) ? own : notAsked).add(source);
        }
        askMore();
        own.forEach(this::lookUpHere);
    }

    private void lookUpHere(PeerBlocks source) {
        LeasedBlocks<HostRegion> found = environment.store().lookup(environment.self(), request(source));
        ReadLease lease = FetchEvents.holdHere(environment, found.leaseId());
        found.regions().forEach(HostRegion::retain);
        Lookup lookup = new Lookup(source, found.table(), lease);
        readable.add(Blocks.inPlace(lookup, found.regions(), Path.IN_PROCESS));
        checkComplete(lookup);
    }

    private LookupRequest request(PeerBlocks source) {
        return new LookupRequest(task.shuffleId(), task.startPartition(), task.endPartition(), source.mapIds());
    }

    private void askMore() {
        while (!notAsked.isEmpty() && mayRequest()) {
            PeerBlocks source = notAsked.remove();
            requestsInFlight++;
            lastAsked = source;
            events.ask(environment, source, request(source));
        }
    }

    private boolean mayRequest() {
        return requestsInFlight < environment.limits().maxRequestsInFlight();
    }

    /** Returns the next block without taking it, waiting for it where necessary; null when there is no more. */
    @Nullable
    Blocks peek() {
        if (!currentTaken) {
            return current;
        }
        while (true) {
            submitReads();
            if (current != null && current.next()) {
                verify(current);
                currentTaken = false;
                return current;
            }
            closeCurrent();
            if (!readable.isEmpty()) {
                current = readable.remove();
            } else if (requestsInFlight == 0 && notAsked.isEmpty() && remoteReads.isEmpty()) {
                return null;
            } else {
                await();
            }
        }
    }

    /** Takes the block that {@link #peek} showed; it is readable until the next call of either. */
    void take() {
        currentTaken = true;
        Blocks taken = Objects.requireNonNull(current);
        long bytes = taken.table().length(taken.row());
        environment.counters().read(taken.path(), bytes);
        if (taken.path() == Path.IN_PROCESS) {
            metrics.incLocalBlocksFetched(1);
            metrics.incLocalBytesRead(bytes);
        } else {
            metrics.incRemoteBlocksFetched(1);
            metrics.incRemoteBytesRead(bytes);
        }
    }

    private void closeCurrent() {
        if (current != null) {
            failIfExpired(current);
            current.close();
            current = null;
        }
    }

    private void verify(Blocks blocks) {
        failIfExpired(blocks);
        BlockTable table = blocks.table();
        int row = blocks.row();
        if (!environment.limits().checksum()) {
            return;
        }
        crc.reset();
        for (long at = 0; at < table.length(row); ) {
            int step = (int) Math.min(table.length(row) - at, HostRegion.MAX_SLICE_BYTES);
            crc.update(blocks.region().slice(blocks.offset() + at, step));
            at += step;
        }
        int actual = (int) crc.getValue();
        if (actual != table.checksum(row)) {
            throw failed(
                    blocks.source(),
                    blocks.source().failed(table.map(row), table.partition(row)),
                    "a block of " + table.length(row) + " bytes read over " + blocks.path() + " is corrupt: crc32c=0x"
                            + Integer.toHexString(actual) + ", its writer computed 0x"
                            + Integer.toHexString(table.checksum(row)),
                    null);
        }
    }

    private void failIfExpired(Blocks blocks) {
        if (blocks.isLeaseExpired()) {
            throw failed(
                    blocks.source(),
                    blocks.source().failed(0),
                    "the lease on its blocks ended while they were read: this process was stopped for longer than"
                            + " spark.mooncake.lease.timeout, or the owner could not be reached to renew it",
                    null);
        }
    }

    /** Waits a moment for something to happen. */
    private void await() {
        long start = System.nanoTime();
        try {
            SparkInternals.killIfInterrupted(task.context()); // not after the poll: an event may hold a lease
            FetchEvents.Event event = events.poll(POLL_MILLIS, TimeUnit.MILLISECONDS);
            if (event != null) {
                requestsInFlight--;
                lastEventNanos = System.nanoTime();
                event.deliverTo(this);
                askMore();
            } else if (System.nanoTime() - lastEventNanos > stallNanos) {
                throw stalled();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw SparkInternals.sneaky(e);
        } finally {
            long waited = System.nanoTime() - start;
            environment.counters().waited(waited);
            metrics.incFetchWaitTime(TimeUnit.NANOSECONDS.toMillis(waited));
        }
    }

    /** Look-ups and transfers have deadlines of their own; what is left is a peer that takes no more of them. */
    private RuntimeException stalled() {
        PeerBlocks source = remoteReads.isEmpty()
                ? Objects.requireNonNull(lastAsked)
                : remoteReads.element().source();
        return failed(
                source,
                source.failed(0),
                "nothing came for " + TimeUnit.NANOSECONDS.toSeconds(stallNanos) + " s with requests in flight="
                        + requestsInFlight + ": see spark.mooncake.transfer.timeout and"
                        + " spark.mooncake.transfer.maxBytesInFlight",
                null);
    }

    void lookedUp(FetchEvents.LookedUp answer) {
        Lookup lookup = new Lookup(answer.source(), answer.found().table(), answer.lease());
        Optional<List<HostRegion>> mapped = map(answer);
        if (mapped.isPresent()) {
            readable.add(Blocks.inPlace(lookup, mapped.get(), Path.SHM));
        } else {
            RemoteReads reads = new RemoteReads(answer, environment, events, budget);
            allReads.add(reads);
            remoteReads.add(reads);
        }
        checkComplete(lookup);
    }

    /** Maps every region of an answer, or none. */
    private Optional<List<HostRegion>> map(FetchEvents.LookedUp answer) {
        List<HostRegion> mapped = new ArrayList<>();
        boolean all = false;
        try {
            for (RegionDescriptor region : answer.found().regions()) {
                Optional<HostRegion> here = answer.peer().map(region);
                if (here.isEmpty()) {
                    return Optional.empty();
                }
                mapped.add(here.get());
            }
            all = true;
            return Optional.of(mapped);
        } catch (TransferException e) {
            answer.lease().close();
            throw failed(answer.source(), answer.source().failed(0), "its memory could not be mapped", e);
        } finally {
            if (!all) {
                mapped.forEach(HostRegion::release);
            }
        }
    }

    private void checkComplete(Lookup lookup) {
        int ordinal = lookup.table().firstIncomplete(lookup.source().blocksPerMap());
        if (ordinal >= 0) {
            throw failed(
                    lookup.source(),
                    lookup.source().failed(ordinal),
                    "it does not hold all blocks of map output "
                            + lookup.source().mapIds()[ordinal]
                            + " that Spark expects there: the output was removed, or its executor restarted",
                    null);
        }
    }

    void arrived(RemoteReads.Arrived batch) {
        batch.landed();
        Optional<TransferException> failure = batch.failure();
        if (failure.isPresent()) {
            batch.close();
            int row = batch.startRow();
            PeerBlocks source = batch.source();
            BlockTable table = batch.table();
            throw failed(
                    source,
                    source.failed(table.map(row), table.partition(row)),
                    "its blocks could not be transferred",
                    failure.get());
        }
        readable.add(batch.blocks());
    }

    void lookupFailed(FetchEvents.LookupFailed failure) {
        throw failed(
                failure.source(), failure.source().failed(0), "its blocks could not be looked up", failure.cause());
    }

    private void submitReads() {
        for (int turns = remoteReads.size(); turns > 0 && mayRequest(); turns--) {
            RemoteReads reads = remoteReads.remove();
            if (reads.submitNext()) {
                requestsInFlight++;
            }
            if (!reads.isSubmitted()) {
                remoteReads.add(reads);
            }
        }
    }

    private RuntimeException failed(PeerBlocks source, FailedBlock block, String what, @Nullable Throwable cause) {
        String reason = cause == null ? "" : ": " + cause.getMessage();
        return SparkInternals.fetchFailed(
                source.address(),
                task.shuffleId(),
                block,
                "shuffle " + task.shuffleId() + " map " + block.mapIndex() + " (id " + block.mapId() + ") partition "
                        + block.partition() + " from " + source.describe() + ": " + what + reason,
                cause);
    }

    /** Ends everything under way and gives back what is held; leases of late answers are released when they come. */
    @Override
    public void close() {
        if (current != null) {
            current.close();
            current = null;
        }
        readable.forEach(Blocks::close);
        readable.clear();
        allReads.forEach(RemoteReads::close); // those with every group under way are in no queue any more
        remoteReads.clear();
        notAsked.clear();
        events.close();
    }
}
