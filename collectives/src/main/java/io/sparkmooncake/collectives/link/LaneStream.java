// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

/** What a lane is for: messages of either kind are ordered among themselves. */
public enum LaneStream {
    /** Messages of operations that all ranks call. */
    COLLECTIVE(0),
    /** Messages from one rank to another. */
    MAIL(1);

    private final int number;

    LaneStream(int number) {
        this.number = number;
    }

    /** Returns the number in requests: 0 or 1. */
    public int number() {
        return number;
    }
}
