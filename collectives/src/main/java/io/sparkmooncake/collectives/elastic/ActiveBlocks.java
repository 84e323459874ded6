// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import java.util.EnumMap;
import java.util.Map;

/**
 * The blocks of the active ranks: a vector that has one for each rank, and the one without gaps that a communicator of the active
 * ranks works on. Keeps memory for results that are not committed yet, as much as the largest one took.
 *
 * <p>Threading: one operation at a time.
 */
final class ActiveBlocks {
    private final Map<DataType, Elements> results = new EnumMap<>(DataType.class);
    private final Map<DataType, Elements> sources = new EnumMap<>(DataType.class);

    /** Returns memory for a result, on the heap. */
    Elements result(DataType type, long count) {
        return take(results, type, count);
    }

    private static Elements take(Map<DataType, Elements> kept, DataType type, long count) {
        Elements known = kept.get(type);
        if (known == null || known.count() < count) {
            if (count > Integer.MAX_VALUE) {
                throw new IllegalArgumentException("count=" + count + " of " + type.label() + " exceeds limit="
                        + Integer.MAX_VALUE + " of one elastic operation: use several");
            }
            known = Elements.allocate(type, (int) count);
            kept.put(type, known);
        }
        return known.slice(0, count);
    }

    /** Returns the blocks of the active ranks, in their order. */
    static Blocks of(Blocks blocks, ActiveRanks active) {
        return Blocks.of(active.ranks().stream().mapToLong(blocks::count).toArray());
    }

    /** Returns the active ranks' blocks without gaps: the vector itself where all are active, else a copy. */
    Elements compact(Elements source, Blocks blocks, ActiveRanks active) {
        if (active.size() == blocks.size()) {
            return source;
        }
        Blocks dense = of(blocks, active);
        Elements copy = take(sources, source.type(), dense.total());
        for (int i = 0; i < active.size(); i++) {
            source.copyTo(blocks.start(active.ranks().get(i)), copy, dense.start(i), dense.count(i));
        }
        return copy;
    }

    /** Copies the active ranks' blocks to their places; what belongs to others stays as it is. */
    static void expand(Elements dense, Elements target, Blocks blocks, ActiveRanks active) {
        long at = 0;
        for (int rank : active.ranks()) {
            dense.copyTo(at, target, blocks.start(rank), blocks.count(rank));
            at += blocks.count(rank);
        }
    }
}
