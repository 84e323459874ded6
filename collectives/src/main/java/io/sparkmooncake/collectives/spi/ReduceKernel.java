// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

/**
 * Reduces one vector into another, element by element. Every kernel gives the bits of
 * {@code into[i] = into[i] op operand[i]} in the arithmetic of the type, so that ranks with different kernels agree.
 *
 * <p>Threading: stateless; safe from any thread.
 */
@FunctionalInterface
public interface ReduceKernel {
    /**
     * Reduces {@code operand[from, from + count)} into {@code into[at, at + count)}. The stretches do not overlap.
     *
     * @param into of the heap, from {@link Elements#allocate}, with {@code count} elements from {@code at} on
     * @param operand of the same type
     */
    void reduce(ReduceOp op, Elements into, int at, Elements operand, int from, int count);
}
