// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.hierarchy;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Who shares memory with whom: every rank is in one group. Groups are in the order of their lowest ranks, which lead them; members
 * in the order of ranks. The same on every rank. Immutable.
 */
public final class Groups {
    private final int[][] members;
    private final int[] groupOf;
    private final int[] placeOf;
    private final boolean contiguous;

    /**
     * Takes the groups.
     *
     * @param groups ranks in ascending order, every rank once, groups in the order of their first
     */
    public Groups(List<List<Integer>> groups) {
        this.members = groups.stream()
                .map(group -> group.stream().mapToInt(Integer::intValue).toArray())
                .toArray(int[][]::new);
        int size = groups.stream().mapToInt(List::size).sum();
        this.groupOf = new int[size];
        this.placeOf = new int[size];
        boolean gapless = true;
        for (int group = 0; group < members.length; group++) {
            for (int place = 0; place < members[group].length; place++) {
                int rank = members[group][place];
                groupOf[rank] = group;
                placeOf[rank] = place;
                gapless &= rank == members[group][0] + place;
            }
        }
        this.contiguous = gapless;
    }

    /** Returns the number of groups. */
    public int count() {
        return members.length;
    }

    /** Returns the number of ranks of all groups. */
    public int size() {
        return groupOf.length;
    }

    /** Returns the ranks of a group. */
    public int[] members(int group) {
        return members[group].clone();
    }

    /** Returns the group that a rank is in. */
    public int of(int rank) {
        return groupOf[rank];
    }

    /** Returns a rank's place in its group; 0 leads it. */
    public int place(int rank) {
        return placeOf[rank];
    }

    /** Returns the lowest rank of each group. */
    public int[] leaders() {
        return Arrays.stream(members).mapToInt(group -> group[0]).toArray();
    }

    /** Tells whether the ranks of each group follow each other. */
    public boolean areContiguous() {
        return contiguous;
    }

    @Override
    public String toString() {
        return IntStream.range(0, members.length)
                .mapToObj(group -> Arrays.toString(members[group]))
                .toList()
                .toString();
    }
}
