// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The output of one map attempt: immutable once committed, owner of its parts until {@link #free}. */
public final class MapOutput {
    private final long mapId;
    private final List<Part> parts;

    /**
     * Takes over the parts' memory.
     *
     * @param mapId Spark's id of the attempt
     * @param parts in the order in which they were written
     */
    public MapOutput(long mapId, List<Part> parts) {
        this.mapId = mapId;
        this.parts = List.copyOf(parts);
    }

    /** Returns Spark's id of the attempt. */
    public long mapId() {
        return mapId;
    }

    /** Returns the parts in the order in which they were written. */
    public List<Part> parts() {
        return parts;
    }

    /** Returns the bytes of all blocks. */
    public long dataBytes() {
        return parts.stream().mapToLong(Part::dataBytes).sum();
    }

    /** Returns the bytes of each partition. */
    public long[] partitionLengths(int partitions) throws IOException {
        long[] lengths = new long[partitions];
        for (Part part : parts) {
            BlockIndex index = part.index();
            for (int i = 0; i < index.count(); i++) {
                lengths[index.partition(i)] += index.length(i);
            }
        }
        return lengths;
    }

    /** Returns the index of each part, which may wait for a disk unless {@link #hasIndexesInMemory}. */
    List<BlockIndex> indexes() throws IOException {
        List<BlockIndex> indexes = new ArrayList<>(parts.size());
        for (Part part : parts) {
            indexes.add(part.index());
        }
        return indexes;
    }

    boolean hasIndexesInMemory() {
        return parts.stream().allMatch(Part::hasIndexInMemory);
    }

    /** Adds an owner to every part and returns true, or to none and returns false when the output is being freed. */
    boolean tryRetain() {
        for (int i = 0; i < parts.size(); i++) {
            if (!parts.get(i).extent().tryRetain()) {
                parts.subList(0, i).forEach(Part::free);
                return false;
            }
        }
        return true;
    }

    /** Removes an owner of every part; the memory goes back with the last owner, which may be a lease. */
    public void free() {
        parts.forEach(Part::free);
    }
}
