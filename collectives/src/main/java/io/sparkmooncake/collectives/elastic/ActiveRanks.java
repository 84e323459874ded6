// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import java.util.List;

/**
 * Who took part in a result, by the rank numbers that they joined with. The same on every rank that has the result.
 *
 * @param generation of the group, from 0, higher each time that its members changed
 * @param ranks in ascending order
 */
public record ActiveRanks(long generation, List<Integer> ranks) {
    /** Copies the list. */
    public ActiveRanks {
        ranks = List.copyOf(ranks);
    }

    /** Returns how many they are. */
    public int size() {
        return ranks.size();
    }

    /** True when that rank took part. */
    public boolean contains(int rank) {
        return ranks.contains(rank);
    }

    /** Returns a rank's place among the active ones, −1 when it is none. */
    int index(int rank) {
        return ranks.indexOf(rank);
    }

    @Override
    public String toString() {
        return ranks + " of generation " + generation;
    }
}
