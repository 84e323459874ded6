// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

/** Operations as the words of a segment number them. */
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
    BARRIER(6);

    private final int number;

    Operation(int number) {
        this.number = number;
    }

    /** Returns the number in the words: 1 to 255, never given to another one. */
    int number() {
        return number;
    }
}
