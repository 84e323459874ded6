// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.hierarchy;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import java.util.EnumMap;

/**
 * Memory for what is under way between the two stages of a reduction, in the accumulator's type: it is rounded once, at the end.
 * Threading: the rank's own.
 */
final class Staging {
    /** Elements at a time: 512 KiB of the widest type. */
    static final int ELEMENTS = 64 << 10;

    private final ReduceKernel kernel;
    private final EnumMap<DataType, Elements> memory = new EnumMap<>(DataType.class);

    Staging(ReduceKernel kernel) {
        this.kernel = kernel;
    }

    /** Returns a copy of {@code source[at, at + count)} in the accumulator's type, valid until the next one. */
    Elements widen(Elements source, long at, int count) {
        DataType type = source.type().accumulator();
        Elements all = memory.get(type);
        if (all == null) {
            all = Elements.allocate(type, ELEMENTS);
            memory.put(type, all);
        }
        kernel.convert(source, at, all, 0, count);
        return all.slice(0, count);
    }

    /** Copies elements of the accumulator's type to the target. */
    void narrow(Elements wide, Elements target, long at, int count) {
        kernel.convert(wide, 0, target, at, count);
    }
}
