// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.shm.StepExchange;
import io.sparkmooncake.collectives.spi.ContiguousElements;
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
    private final int rank;
    private final int size;
    private final EnumMap<DataType, Elements> accumulators = new EnumMap<>(DataType.class);

    RankOrder(StepExchange exchange, ReduceKernel kernel) {
        this.exchange = exchange;
        this.kernel = kernel;
        this.rank = exchange.self().rank();
        this.size = exchange.self().size();
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
        for (int other = 0; other < size; other++) {
            boolean mine = other == rank;
            Elements operand = mine ? own : exchange.window(other, own.type());
            long from = mine ? ownAt : windowAt;
            if (other == 0) {
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

    /** Reduces one block of {@code own} into the same block of a target, which may be {@code own}. */
    void reduceInto(ReduceOp op, Elements own, Elements target, long at, int windowAt, int count) {
        if (own == target && isArray(own.piece(at)) && own.type() == own.type().accumulator()) {
            reduceInPlace(op, own.piece(at), own.within(at), windowAt, count);
        } else {
            store(reduce(op, own, at, windowAt, count), target, at, count);
        }
    }

    /**
     * Reduces around this rank's operand, which stays where it is: the ranks before it aside and into it, then those after it.
     * Swapping the two operands of one reduction changes no bit of the result, but for which NaN of several it is.
     */
    private void reduceInPlace(ReduceOp op, ContiguousElements own, int at, int windowAt, int count) {
        if (rank == 1) {
            kernel.reduce(op, own, at, exchange.window(0, own.type()), windowAt, count);
        } else if (rank > 1) {
            Elements block = accumulator(own.type());
            exchange.window(0, own.type()).copyTo(windowAt, block, 0, count);
            for (int other = 1; other < rank; other++) {
                kernel.reduce(op, block, 0, exchange.window(other, own.type()), windowAt, count);
            }
            kernel.reduce(op, own, at, block, 0, count);
        }
        for (int other = rank + 1; other < size; other++) {
            kernel.reduce(op, own, at, exchange.window(other, own.type()), windowAt, count);
        }
        if (op == ReduceOp.AVG) {
            kernel.divide(own, at, count, size);
        }
    }

    private static boolean isArray(ContiguousElements piece) {
        return (piece instanceof ContiguousElements.Float64 doubles
                        && doubles.buffer().hasArray())
                || (piece instanceof ContiguousElements.Float32 floats
                        && floats.buffer().hasArray())
                || (piece instanceof ContiguousElements.Int64 longs
                        && longs.buffer().hasArray())
                || (piece instanceof ContiguousElements.Int32 ints
                        && ints.buffer().hasArray())
                || (piece instanceof ContiguousElements.Bytes bytes
                        && bytes.buffer().hasArray());
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
