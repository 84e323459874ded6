// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The map outputs of this executor. Memory first; when its limit is reached, files of the local directories, which are
 * read piece by piece and never mapped. The first committed attempt of a map wins.
 *
 * <p>Threading: safe from any thread. Ownership: the store owns committed outputs and gives them up when they are
 * removed or it is closed; a lease keeps the extents that it names until it ends.
 */
public final class MapOutputStore implements AutoCloseable {
    /** Freed memory may lie in pieces; a few more outputs make them one. */
    private static final int EVICTION_ROUNDS = 4;

    private final RegionPool memory;
    private final RegionPool files;
    private final LeaseTable leases;
    private final Eviction eviction;
    private final LongSupplier nanoClock;
    private final Map<Integer, ShuffleOutputs> shuffles = new ConcurrentHashMap<>();

    /**
     * Creates an empty store.
     *
     * @param memory shareable memory up to the limit; borrowed
     * @param files local directories; borrowed
     * @param leaseTimeout how long a lease lives without renewal
     * @param nanoClock {@link System#nanoTime}, or a test's clock
     */
    public MapOutputStore(RegionPool memory, RegionPool files, Duration leaseTimeout, LongSupplier nanoClock) {
        this.memory = memory;
        this.files = files;
        this.leases = new LeaseTable(leaseTimeout, nanoClock);
        this.eviction = new Eviction(memory, files, nanoClock);
        this.nanoClock = nanoClock;
    }

    /**
     * Returns memory for a part, counted once for the caller; empty when the limit is reached or the system has no more. Before
     * that, outputs of quiet shuffles move to files, on the calling thread, which must not be an event loop.
     */
    public Optional<Extent> tryAllocateMemory(long bytes) throws IOException {
        Optional<Extent> extent = memory.tryAllocate(bytes);
        boolean mayFit = bytes <= memory.limitBytes();
        for (int round = 0; extent.isEmpty() && mayFit && round < EVICTION_ROUNDS; round++) {
            mayFit = eviction.makeRoom(shuffles.values(), bytes) > 0;
            if (mayFit) {
                extent = memory.tryAllocate(bytes);
            }
        }
        return extent;
    }

    /** Returns the bytes that moved from memory to files because new outputs needed the memory. */
    public long movedBytes() {
        return eviction.movedBytes();
    }

    /**
     * Returns file space for a part, counted once for the caller, to be filled through {@link Extent#write}.
     *
     * @throws IOException naming the directories when none can hold it
     */
    public Extent allocateOnDisk(long bytes) throws IOException {
        return files.tryAllocate(bytes).orElseThrow(() -> noSpace(bytes));
    }

    /**
     * Stores a part in a local directory, and in another one if that fails while it is written.
     *
     * @param filler writes the part through {@link Extent#write}
     * @return the file space, counted once for the caller
     * @throws IOException naming the directories when none can hold it
     */
    public Extent storeOnDisk(long bytes, RegionPool.Filler filler) throws IOException {
        return files.tryStore(bytes, filler).orElseThrow(() -> noSpace(bytes));
    }

    private IOException noSpace(long bytes) {
        return new IOException("no space for " + bytes + " bytes of map output in spark.local.dir ("
                + files.describeRoom() + "): free disk space, add a directory, or raise"
                + " spark.mooncake.shuffle.memory (" + memory.limitBytes() + " bytes, "
                + memory.usedBytes() + " used)");
    }

    /**
     * Commits one attempt's output. A shuffle that was removed begins anew with it: Spark runs the maps of a plan again under the same
     * shuffle id when the plan is run again after its shuffle files were cleaned up. What an attempt commits that outlives its shuffle for
     * good is freed once the driver is asked about it.
     *
     * @param output taken over; freed here when it does not win
     * @return the output that readers will see: this one, or that of an earlier attempt under the same map id
     */
    public MapOutput commit(int shuffleId, MapOutput output) {
        while (true) {
            Optional<MapOutput> winner = shuffles.computeIfAbsent(shuffleId, id -> new ShuffleOutputs())
                    .commit(output, nanoClock.getAsLong());
            if (winner.isPresent()) {
                if (winner.get() != output) {
                    output.free();
                }
                return winner.get();
            }
        }
    }

    /** Answers a look-up of this executor, whatever the answer's length is. */
    public LeasedBlocks<HostRegion> lookup(String holder, LookupRequest request) {
        try {
            return lookup(holder, request, Long.MAX_VALUE);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // nothing is too long
        }
    }

    /**
     * Answers a look-up; map outputs that are not here have no rows. The lease must be released; it holds the extents that rows point
     * into, and is 0 when there is none.
     *
     * @param maxBytes longest answer on the wire; one that would be longer covers as many blocks as fit, see {@link BlockTable}
     * @throws IOException if the first block alone does not fit
     */
    public LeasedBlocks<HostRegion> lookup(String holder, LookupRequest request, long maxBytes) throws IOException {
        try (LookupAnswer answer = new LookupAnswer(request, maxBytes)) {
            ShuffleOutputs outputs = shuffles.get(request.shuffleId());
            if (outputs != null) {
                outputs.read(nanoClock.getAsLong());
            }
            for (int ordinal = 0; ordinal < request.mapIds().length && !answer.isFull(); ordinal++) {
                MapOutput output = outputs == null ? null : retained(outputs, request.mapIds()[ordinal]);
                answer.add(output);
            }
            return answer.leased(extents -> leases.add(holder, request.leaseId(), extents));
        }
    }

    /** Returns whether {@link #lookup} would answer without waiting for a disk. */
    boolean hasIndexesInMemory(LookupRequest request) {
        ShuffleOutputs outputs = shuffles.get(request.shuffleId());
        return outputs == null
                || Arrays.stream(request.mapIds())
                        .mapToObj(outputs::get)
                        .allMatch(output -> output == null || output.hasIndexesInMemory());
    }

    /** Returns an output with one owner added to every part; one that moves meanwhile is taken from its new place. */
    private static @Nullable MapOutput retained(ShuffleOutputs outputs, long mapId) {
        MapOutput output = outputs.get(mapId);
        while (output != null && !output.tryRetain()) {
            output = outputs.get(mapId);
        }
        return output;
    }

    /** Ends a lease; ending it again does nothing. */
    public void release(String holder, long leaseId) {
        leases.release(holder, leaseId);
    }

    /** Prolongs a lease; false when it has ended. */
    public boolean renew(String holder, long leaseId) {
        return leases.renew(holder, leaseId);
    }

    /** Ends every lease of a process that is gone and returns how many there were. */
    public int holderLost(String holder) {
        return leases.holderLost(holder);
    }

    /** Ends the leases whose deadline passed and returns how many there were. */
    public int expireLeases() {
        return leases.expire();
    }

    /** Returns the live leases. */
    public int liveLeases() {
        return leases.live();
    }

    /** Returns one committed output as a frame, to be closed; empty when it is not here. */
    public Optional<MapOutputFrame> frame(int shuffleId, long mapId) {
        ShuffleOutputs outputs = shuffles.get(shuffleId);
        MapOutput output = outputs == null ? null : retained(outputs, mapId);
        return output == null ? Optional.empty() : Optional.of(new MapOutputFrame(output));
    }

    /** Returns the bytes of each partition of a committed output; empty when it is not here. */
    public Optional<long[]> partitionLengths(int shuffleId, long mapId, int partitions) throws IOException {
        ShuffleOutputs outputs = shuffles.get(shuffleId);
        MapOutput output = outputs == null ? null : retained(outputs, mapId);
        if (output == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(output.partitionLengths(partitions));
        } finally {
            output.free();
        }
    }

    /** Returns the shuffles that have outputs here, with their map ids. */
    public Map<Integer, List<Long>> stored() {
        return storedFor(Duration.ZERO);
    }

    /** Returns the shuffles that have outputs here, with the map ids of those that were committed {@code age} ago or earlier. */
    public Map<Integer, List<Long>> storedFor(Duration age) {
        long until = nanoClock.getAsLong() - age.toNanos();
        Map<Integer, List<Long>> stored = new ConcurrentHashMap<>();
        shuffles.forEach((shuffleId, outputs) -> stored.put(shuffleId, outputs.mapIdsUntil(until)));
        return stored;
    }

    /** Removes one map output. */
    public void removeMap(int shuffleId, long mapId) {
        ShuffleOutputs outputs = shuffles.get(shuffleId);
        if (outputs != null) {
            outputs.removeMap(mapId);
        }
    }

    /** Removes what was committed of a shuffle until now; an extent's memory goes back when the last lease on it ends. */
    public void removeShuffle(int shuffleId) {
        ShuffleOutputs outputs = shuffles.remove(shuffleId);
        if (outputs != null) {
            outputs.removeAll();
        }
    }

    /** Ends all leases and gives all memory back. */
    @Override
    public void close() {
        leases.endAll();
        List.copyOf(shuffles.keySet()).forEach(this::removeShuffle);
    }
}
