// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

/**
 * Reduces one vector into another, element by element. Every kernel gives the bits of {@code into[i] = into[i] op operand[i]} in
 * the arithmetic of the accumulator's type, so that ranks with different kernels agree.
 *
 * <p>A whole reduction is: {@link #convert} the first operand into an accumulator of type {@link DataType#accumulator()},
 * {@link #reduce} the others into it, {@link #divide} it for {@link ReduceOp#AVG}, and {@link #convert} it into the target. What
 * goes on to another reduction stays in the accumulator's type, so that it is rounded once.
 *
 * <p>Threading: stateless; safe from any thread. Nothing is allocated.
 */
public interface ReduceKernel {
    /**
     * Reduces {@code operand[from, from + count)} into {@code into[at, at + count)}. The stretches do not overlap.
     *
     * @param op takes the operand's type; AVG adds
     * @param into of the heap, a Java array, with {@code count} elements from {@code at} on
     * @param operand of the same type, or of one whose accumulator that is
     */
    void reduce(ReduceOp op, Elements into, int at, Elements operand, long from, int count);

    /** Divides {@code into[at, at + count)}, of the heap, a Java array of floating point, by a number of ranks. */
    void divide(Elements into, int at, int count, int divisor);

    /**
     * Copies elements into a vector of the same type; from a type of 16 bits into its accumulator, which is exact; or back, which
     * rounds to the nearest, ties to even, and makes every NaN the one of Java. One of the two is of {@link Elements#allocate}.
     */
    void convert(Elements source, long from, Elements target, long at, int count);
}
