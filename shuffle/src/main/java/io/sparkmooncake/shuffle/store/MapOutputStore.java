// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * The map outputs of this executor. Memory first; where its limit is reached, files of the local directories, which peers
 * read in place just the same. The first committed attempt of a map wins.
 *
 * <p>Threading: safe from any thread. Ownership: the store owns committed outputs and gives them back when their shuffle is
 * removed and no lease holds it, or when it is closed.
 */
public final class MapOutputStore implements AutoCloseable {
    private final RegionPool memory;
    private final RegionPool files;
    private final LeaseTable leases;
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
    }

    /** Returns memory for a part, counted once for the caller; empty where the limit is reached or the system has no more. */
    public Optional<Extent> tryAllocateMemory(long bytes) throws IOException {
        return memory.tryAllocate(bytes);
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
                    .commit(output);
            if (winner.isPresent()) {
                if (winner.get() != output) {
                    output.free();
                }
                return winner.get();
            }
        }
    }

    /** Answers a look-up; map outputs that are not here have no rows. The lease must be released. */
    public LeasedBlocks<HostRegion> lookup(String holder, LookupRequest request) {
        BlockTable table = new BlockTable(request.mapIds().length);
        List<HostRegion> regions = new ArrayList<>();
        ShuffleOutputs outputs = shuffles.get(request.shuffleId());
        if (outputs == null || !outputs.lease()) {
            return new LeasedBlocks<>(0, regions, table);
        }
        long leaseId = leases.add(holder, outputs);
        for (int ordinal = 0; ordinal < request.mapIds().length; ordinal++) {
            MapOutput output = outputs.get(request.mapIds()[ordinal]);
            if (output != null) {
                table.setEncoding(ordinal, output.encoding());
                addRows(table, ordinal, output, request, regions);
            }
        }
        return new LeasedBlocks<>(leaseId, regions, table);
    }

    private static void addRows(
            BlockTable table, int ordinal, MapOutput output, LookupRequest request, List<HostRegion> regions) {
        List<Part> parts = output.parts();
        if (parts.size() == 1) {
            addPartRows(table, ordinal, parts.get(0), request.startPartition(), request.endPartition(), regions);
            return;
        }
        for (int partition = request.startPartition(); partition < request.endPartition(); partition++) {
            for (Part part : parts) {
                addPartRows(table, ordinal, part, partition, partition + 1, regions);
            }
        }
    }

    private static void addPartRows(
            BlockTable table, int ordinal, Part part, int startPartition, int endPartition, List<HostRegion> regions) {
        BlockIndex index = part.index();
        int entry = index.firstAtLeast(startPartition);
        if (entry == index.count() || index.partition(entry) >= endPartition) {
            return;
        }
        int region = regionIndex(regions, part.extent().region());
        for (; entry < index.count() && index.partition(entry) < endPartition; entry++) {
            table.add(ordinal, region, part.extent().offset(), index, entry);
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

    /** Runs a reader on one committed output, which is not freed meanwhile; does nothing when it is not here. */
    public void read(int shuffleId, long mapId, Consumer<MapOutput> reader) {
        ShuffleOutputs outputs = shuffles.get(shuffleId);
        if (outputs == null || !outputs.lease()) {
            return;
        }
        try {
            MapOutput output = outputs.get(mapId);
            if (output != null) {
                reader.accept(output);
            }
        } finally {
            outputs.endLease();
        }
    }

    /** Returns the shuffles that have outputs here, with their map ids. */
    public Map<Integer, List<Long>> stored() {
        Map<Integer, List<Long>> stored = new ConcurrentHashMap<>();
        shuffles.forEach((shuffleId, outputs) -> stored.put(shuffleId, outputs.mapIds()));
        return stored;
    }

    /** Removes one map output. */
    public void removeMap(int shuffleId, long mapId) {
        ShuffleOutputs outputs = shuffles.get(shuffleId);
        if (outputs != null) {
            outputs.removeMap(mapId);
        }
    }

    /** Removes what was committed of a shuffle until now; its memory goes back when the last lease ends. */
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
