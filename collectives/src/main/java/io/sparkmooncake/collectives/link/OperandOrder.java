// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.EnumMap;
import org.jspecify.annotations.Nullable;

/**
 * Reduces operands in the order in which they are numbered, whoever does it: the result has the same bits for every size, slicing
 * and rank. Works in blocks that stay in the first-level cache. Threading: the rank's own.
 */
final class OperandOrder {
    /** Elements of a block: 16 KiB of the widest type. */
    private static final int BLOCK = 2_048;

    private final ReduceKernel kernel;
    private final int divisor;
    private final @Nullable Elements[] operands;
    private final long[] starts;
    private final EnumMap<DataType, Elements> accumulators = new EnumMap<>(DataType.class);

    /**
     * Creates an order of operands.
     *
     * @param divisor of AVG
     */
    OperandOrder(ReduceKernel kernel, int operands, int divisor) {
        this.kernel = kernel;
        this.divisor = divisor;
        this.operands = new Elements[operands];
        this.starts = new long[operands];
    }

    /** Says where an operand is. */
    void operand(int number, Elements elements, long start) {
        operands[number] = elements;
        starts[number] = start;
    }

    /** Reduces {@code count} elements of all operands into the target, which may be one of them at the same place. */
    void reduce(ReduceOp op, Elements target, long at, int count) {
        DataType type = target.type().accumulator();
        Elements block = accumulators.get(type);
        if (block == null) {
            block = Elements.allocate(type, BLOCK);
            accumulators.put(type, block);
        }
        for (int done = 0, n; done < count; done += n) {
            n = Math.min(BLOCK, count - done);
            for (int i = 0; i < operands.length; i++) {
                Elements operand = operands[i];
                if (operand == null) {
                    throw new IllegalStateException("operand=" + i + " is missing");
                }
                if (i == 0) {
                    kernel.convert(operand, starts[i] + done, block, 0, n);
                } else {
                    kernel.reduce(op, block, 0, operand, starts[i] + done, n);
                }
            }
            if (op == ReduceOp.AVG) {
                kernel.divide(block, 0, n, divisor);
            }
            kernel.convert(block, 0, target, at + done, n);
        }
    }
}
