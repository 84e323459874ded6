// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.shm.StepExchange;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.EnumMap;

/**
 * Reduces what the ranks have in their windows, in the order of ranks, whoever does it: the result has the same bits for every
 * algorithm, slicing and window size. Works in blocks that stay in the first-level cache. Threading: the rank's own.
 */
final class RankOrder {
    /** Elements of a block: 16 KiB of the widest type. */
    static final int BLOCK = 2_048;

    private final StepExchange exchange;
    private final ReduceKernel kernel;
    private final EnumMap<DataType, Elements> accumulators = new EnumMap<>(DataType.class);

    RankOrder(StepExchange exchange, ReduceKernel kernel) {
        this.exchange = exchange;
        this.kernel = kernel;
    }

    /**
     * Reduces one block and returns it, in the accumulator's type, to be given to {@link #store}; valid until the next one.
     *
     * @param own where this rank's operand is, from {@code ownAt} on
     * @param windowAt where it is in the windows of the others
     * @param count at most {@link #BLOCK}
     */
    Elements reduce(ReduceOp op, Elements own, long ownAt, int windowAt, int count) {
        Elements block = accumulator(own.type().accumulator());
        int size = exchange.self().size();
        for (int rank = 0; rank < size; rank++) {
            boolean mine = rank == exchange.self().rank();
            Elements operand = mine ? own : exchange.window(rank, own.type());
            long from = mine ? ownAt : windowAt;
            if (rank == 0) {
                kernel.convert(operand, from, block, 0, count);
            } else {
                kernel.reduce(op, block, 0, operand, from, count);
            }
        }
        if (op == ReduceOp.AVG) {
            kernel.divide(block, 0, count, size);
        }
        return block;
    }

    /** Copies a reduced block into elements of the operands' type. */
    void store(Elements block, Elements target, long at, int count) {
        kernel.convert(block, 0, target, at, count);
    }

    private Elements accumulator(DataType type) {
        Elements block = accumulators.get(type);
        if (block == null) {
            block = Elements.allocate(type, BLOCK);
            accumulators.put(type, block);
        }
        return block;
    }
}
