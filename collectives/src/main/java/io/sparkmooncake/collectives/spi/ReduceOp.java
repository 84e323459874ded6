// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

/**
 * Operations that reduce the elements of all ranks to one. The operands are taken in the order of ranks, so that the same
 * inputs give the same bits, whatever the algorithm.
 */
public enum ReduceOp {
    /** Sum. */
    SUM(1),
    /** Product. */
    PROD(2),
    /** Least element, as {@link Math#min}: NaN wins, and −0 is less than +0. */
    MIN(3),
    /** Greatest element, as {@link Math#max}: NaN wins, and −0 is less than +0. */
    MAX(4);

    private final int number;

    ReduceOp(int number) {
        this.number = number;
    }

    /** Returns the number by which ranks tell each other the operation: 1 to 255, never given to another one. */
    public int number() {
        return number;
    }
}
