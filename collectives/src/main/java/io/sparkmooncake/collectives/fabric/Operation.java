// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.fabric;

/** Operations as ranks number them when they tell each other what they call. */
public enum Operation {
    /** The first step, in which the ranks of a new communicator meet. */
    JOIN(1),
    /** Reduction whose result every rank gets. */
    ALL_REDUCE(2),
    /** Reduction of which each rank gets a block. */
    REDUCE_SCATTER(3),
    /** Concatenation in the order of ranks. */
    ALL_GATHER(4),
    /** Copy of the root's elements. */
    BROADCAST(5),
    /** Nothing but waiting for each other. */
    BARRIER(6),
    /** Reduction whose result the root gets. */
    REDUCE(7),
    /** Concatenation in the order of ranks, which the root gets. */
    GATHER(8),
    /** Of the root's elements each rank gets a block. */
    SCATTER(9),
    /** Each rank gets a block of each rank. */
    ALL_TO_ALL(10),
    /** Elements for one rank, with a tag. */
    SEND(11),
    /** Elements of one rank, with a tag. */
    RECEIVE(12);

    private final int number;

    Operation(int number) {
        this.number = number;
    }

    /** Returns the number in words and messages: 1 to 255, never given to another one. */
    public int number() {
        return number;
    }
}
