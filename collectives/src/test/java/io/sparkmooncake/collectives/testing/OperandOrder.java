// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import java.util.stream.IntStream;

/** In which order a fabric takes the operands of a reduction. */
@FunctionalInterface
public interface OperandOrder {
    /** By rank. */
    OperandOrder RANKS = size -> IntStream.range(0, size).toArray();

    /** Returns the ranks in that order. */
    int[] of(int size);
}
