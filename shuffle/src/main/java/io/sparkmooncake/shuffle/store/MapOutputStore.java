// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The map outputs of this executor. Memory first; when its limit is reached, files of the local directories, which are
 * read piece by piece and never mapped. The first committed attempt of a map wins.
 *
 * <p>Threading: safe from any thread. Ownership: the store owns committed outputs and gives them up when they are
 * removed or it is closed; a lease keeps the extents that it names until it ends.
 */
public final class MapOutputStore implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MapOutputStore.class);

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

    /**
     * Answers a look-up; map outputs that are not here have no rows. The lease must be released; it holds the extents that rows point
     * into, and is 0 when there is none.
     */
    public LeasedBlocks<HostRegion> lookup(String holder, LookupRequest request) {
        Answer answer = new Answer(request);
        boolean leased = false;
        try {
            ShuffleOutputs outputs = shuffles.get(request.shuffleId());
            if (outputs != null) {
                outputs.read(nanoClock.getAsLong());
                find(outputs, request, answer);
            }
            long leaseId = answer.extents.isEmpty() ? 0 : leases.add(holder, answer.extents);
            leased = true;
            return new LeasedBlocks<>(leaseId, answer.regions, answer.table);
        } finally {
            if (!leased) {
                answer.extents.forEach(Extent::release);
            }
        }
    }

    private static void find(ShuffleOutputs outputs, LookupRequest request, Answer answer) {
        for (int ordinal = 0; ordinal < request.mapIds().length; ordinal++) {
            MapOutput output = retained(outputs, request.mapIds()[ordinal]);
            if (output != null) {
                add(answer, ordinal, output);
            }
        }
    }

    /** An output whose index cannot be read is as good as removed: its reader has Spark compute it again. */
    private static void add(Answer answer, int ordinal, MapOutput output) {
        List<BlockIndex> indexes;
        try {
            indexes = output.indexes();
        } catch (IOException e) {
            output.free();
            LOG.warn("map output {} is left out of an answer: its index cannot be read", output.mapId(), e);
            return;
        }
        answer.add(ordinal, output, indexes);
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

    /** What a look-up has found so far, and the extents that it has retained. */
    private static final class Answer {
        private final LookupRequest request;
        private final BlockTable table;
        private final List<HostRegion> regions = new ArrayList<>();
        private final List<Extent> extents = new ArrayList<>();

        Answer(LookupRequest request) {
            this.request = request;
            this.table = new BlockTable(request.mapIds().length);
        }

        /** Adds the wanted blocks of an output that the caller retained, and takes its parts over, also when this fails. */
        void add(int ordinal, MapOutput output, List<BlockIndex> indexes) {
            List<Part> parts = output.parts();
            List<Indexed> wanted = new ArrayList<>(parts.size());
            int taken = 0;
            try {
                for (; taken < parts.size(); taken++) {
                    Part part = parts.get(taken);
                    if (hasRows(indexes.get(taken))) {
                        extents.add(part.extent());
                        wanted.add(new Indexed(part.extent(), indexes.get(taken)));
                    } else {
                        part.free();
                    }
                }
            } finally {
                parts.subList(taken, parts.size()).forEach(Part::free);
            }
            table.setEncoding(ordinal, output.encoding());
            if (wanted.size() == 1) {
                addRows(ordinal, wanted.get(0), request.startPartition(), request.endPartition());
                return;
            }
            for (int partition = request.startPartition();
                    !wanted.isEmpty() && partition < request.endPartition();
                    partition++) {
                for (Indexed part : wanted) {
                    addRows(ordinal, part, partition, partition + 1);
                }
            }
        }

        private record Indexed(Extent extent, BlockIndex index) {}

        private boolean hasRows(BlockIndex index) {
            int entry = index.firstAtLeast(request.startPartition());
            return entry < index.count() && index.partition(entry) < request.endPartition();
        }

        private void addRows(int ordinal, Indexed part, int startPartition, int endPartition) {
            BlockIndex index = part.index;
            int entry = index.firstAtLeast(startPartition);
            if (entry == index.count() || index.partition(entry) >= endPartition) {
                return;
            }
            int region = regionIndex(regions, part.extent.region());
            for (; entry < index.count() && index.partition(entry) < endPartition; entry++) {
                table.add(ordinal, region, part.extent.offset(), index, entry);
            }
        }
    }

    private static int regionIndex(List<HostRegion> regions, HostRegion region) {
        int known = regions.indexOf(region);
        if (known >= 0) {
            return known;
        }
        regions.add(region);
        return regions.size() - 1;
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
