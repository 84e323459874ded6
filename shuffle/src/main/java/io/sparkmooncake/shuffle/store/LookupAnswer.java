// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The answer to a look-up while it is put together: map output after map output, as asked for, until the next one would make it too
 * long. Of the first one it takes the partitions that fit, so that every answer covers at least a block. Owns the
 * extents of the outputs that were added until a lease takes them over.
 *
 * <p>Threading: one thread.
 */
final class LookupAnswer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LookupAnswer.class);

    private final LookupRequest request;
    private final List<HostRegion> regions = new ArrayList<>();
    private final List<Extent> extents = new ArrayList<>();
    private final BlockTable all;
    private int covered;
    private int endPartition;
    private long roomBytes;
    private boolean full;
    private boolean leased;

    /** A part of a map output, and what lies in it. */
    private record Indexed(Part part, BlockIndex index) {
        HostRegion region() {
            return part.extent().region();
        }
    }

    LookupAnswer(LookupRequest request, long maxBytes) {
        this.request = request;
        this.all = new BlockTable(request.mapIds().length, request.endPartition());
        this.endPartition = request.endPartition();
        this.roomBytes = maxBytes - LookupFrame.ANSWER_HEAD_BYTES;
    }

    /** Returns whether nothing more fits. */
    boolean isFull() {
        return full;
    }

    /**
     * Adds what fits of the next map output that was asked for; one that is not here has no rows.
     *
     * @param output that the caller retained; its parts are taken over, also when this fails
     * @throws IOException if not even its first block fits into an empty answer
     */
    void add(@Nullable MapOutput output) throws IOException {
        if (output == null) {
            covered++;
            return;
        }
        boolean taken = false;
        try {
            List<Indexed> parts = indexed(output);
            if (parts == null) {
                covered++;
                return;
            }
            int end = request.endPartition();
            full = bytes(parts, end) > roomBytes;
            if (full && covered > 0) {
                return;
            }
            if (full) {
                end = lastEnd(parts, output.mapId());
                endPartition = end;
            }
            roomBytes -= bytes(parts, end);
            List<Indexed> wanted = wanted(parts, end);
            extents.addAll(wanted.stream().map(each -> each.part.extent()).toList());
            taken = true;
            free(parts, end);
            addRows(wanted, end);
        } finally {
            if (!taken) {
                output.free();
            }
        }
    }

    /** An output whose index cannot be read is as good as removed: its reader has Spark compute it again. */
    private static @Nullable List<Indexed> indexed(MapOutput output) {
        try {
            List<BlockIndex> indexes = output.indexes();
            List<Indexed> parts = new ArrayList<>(indexes.size());
            for (int i = 0; i < indexes.size(); i++) {
                parts.add(new Indexed(output.parts().get(i), indexes.get(i)));
            }
            return parts;
        } catch (IOException e) {
            LOG.warn("map output {} is left out of an answer: its index cannot be read", output.mapId(), e);
            return null;
        }
    }

    private void free(List<Indexed> parts, int end) {
        for (Indexed each : parts) {
            if (rows(each, end) == 0) {
                each.part.free();
            }
        }
    }

    /** Returns the parts that have rows before {@code end}. */
    private List<Indexed> wanted(List<Indexed> parts, int end) {
        return parts.stream().filter(each -> rows(each, end) > 0).toList();
    }

    private int rows(Indexed part, int end) {
        return Math.max(0, part.index.firstAtLeast(end) - part.index.firstAtLeast(request.startPartition()));
    }

    /** Returns the most bytes that the rows before {@code end} take, with the regions that they are the first to name. */
    private long bytes(List<Indexed> parts, int end) {
        long bytes = 0;
        Set<HostRegion> named = new HashSet<>();
        for (Indexed part : parts) {
            int rows = rows(part, end);
            if (rows > 0) {
                bytes += LookupFrame.rowBytes(rows);
                boolean first = !regions.contains(part.region()) && named.add(part.region());
                bytes += first ? LookupFrame.maxRegionBytes(part.region().descriptor()) : 0;
            }
        }
        return bytes;
    }

    /** Returns the partition before which the blocks of the first map output fit. */
    private int lastEnd(List<Indexed> parts, long mapId) throws IOException {
        int fits = request.startPartition();
        int tooLong = request.endPartition();
        while (tooLong - fits > 1) {
            int middle = (fits + tooLong) >>> 1;
            if (bytes(parts, middle) <= roomBytes) {
                fits = middle;
            } else {
                tooLong = middle;
            }
        }
        if (bytes(parts, fits) == 0) {
            throw new IOException("shuffle " + request.shuffleId() + " map id " + mapId + " partition " + fits
                    + ": a single block takes bytes=" + bytes(parts, tooLong) + " of an answer, limit=" + roomBytes
                    + ", since its map output has parts=" + parts.size() + ". Raise"
                    + " spark.executor.memory or lower spark.executor.cores so that map tasks write fewer parts");
        }
        return fits;
    }

    private void addRows(List<Indexed> parts, int end) {
        if (parts.size() == 1) {
            addRows(parts.get(0), request.startPartition(), end);
        } else {
            for (int partition = request.startPartition(); !parts.isEmpty() && partition < end; partition++) {
                for (Indexed part : parts) {
                    addRows(part, partition, partition + 1);
                }
            }
        }
        covered++;
    }

    private void addRows(Indexed part, int fromPartition, int toPartition) {
        BlockIndex index = part.index;
        int entry = index.firstAtLeast(fromPartition);
        if (entry == index.count() || index.partition(entry) >= toPartition) {
            return;
        }
        int region = regionIndex(part.region());
        for (; entry < index.count() && index.partition(entry) < toPartition; entry++) {
            all.add(covered, region, part.part.extent().offset(), index, entry);
        }
    }

    private int regionIndex(HostRegion region) {
        int known = regions.indexOf(region);
        if (known >= 0) {
            return known;
        }
        regions.add(region);
        return regions.size() - 1;
    }

    /**
     * Returns what was found.
     *
     * @param lease takes the extents over and names the lease; not asked if there are none
     */
    LeasedBlocks<HostRegion> leased(ToLongFunction<List<Extent>> lease) {
        long leaseId = extents.isEmpty() ? 0 : lease.applyAsLong(extents);
        leased = true;
        return new LeasedBlocks<>(leaseId, regions, all.covering(covered, endPartition));
    }

    /** Gives back what no lease has taken over. */
    @Override
    public void close() {
        if (!leased) {
            extents.forEach(Extent::release);
        }
    }
}
