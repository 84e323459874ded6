// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.spi;

/**
 * Operations that reduce the elements of all ranks to one. The operands are taken in an order that only the layout of ranks
 * decides, so that the same inputs give the same bits, whatever the algorithm.
 *
 * <pre>
 *                  integers   floating point   boolean
 *   SUM, PROD      wrap       yes              no: OR, AND
 *   AVG            no         yes              no
 *   MIN, MAX       yes        yes              no: AND, OR
 *   AND, OR, XOR   bitwise    no               logical
 * </pre>
 */
public enum ReduceOp {
    /** Sum. */
    SUM(1),
    /** Product. */
    PROD(2),
    /** Least element, as {@link Math#min}: NaN wins, and −0 is less than +0. */
    MIN(3),
    /** Greatest element, as {@link Math#max}: NaN wins, and −0 is less than +0. */
    MAX(4),
    /** The sum, divided once by the number of ranks in the type in which it was summed. */
    AVG(5),
    /** Bits that all have. */
    AND(6),
    /** Bits that any has. */
    OR(7),
    /** Bits that an odd number has. */
    XOR(8);

    private final int number;

    ReduceOp(int number) {
        this.number = number;
    }

    /** Returns the number by which ranks tell each other the operation: 1 to 255, never given to another one. */
    public int number() {
        return number;
    }

    /** True where elements of the type can be reduced with this. */
    public boolean takes(DataType type) {
        return switch (this) {
            case SUM, PROD, MIN, MAX -> type != DataType.BOOLEAN;
            case AVG -> type.isFloating();
            case AND, OR, XOR -> !type.isFloating();
        };
    }

    /**
     * Checks that elements of the type can be reduced with this.
     *
     * @throws IllegalArgumentException which says why not
     */
    public void require(DataType type) {
        if (!takes(type)) {
            String reason = switch (this) {
                case SUM, PROD, MIN, MAX -> "use AND, OR or XOR";
                case AVG -> "a mean is no integer: reduce with SUM and divide";
                case AND, OR, XOR -> "use an integer type or boolean";
            };
            throw new IllegalArgumentException(this + " does not reduce type=" + type.label() + ": " + reason);
        }
    }
}
