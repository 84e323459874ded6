// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives;

/**
 * One rank's place in a communicator.
 *
 * @param communicator name of the communicator, unique among those alive in the application; letters, digits, {@code . _ -}
 * @param epoch of the communicator: another one for each attempt of the stage, the same on all ranks
 * @param rank of this member, from 0
 * @param size number of ranks
 */
public record Membership(String communicator, long epoch, int rank, int size) {
    /** Longest name. */
    public static final int MAX_NAME_CHARS = 128;

    /** Checks that the rank is one of the communicator's. */
    public Membership {
        if (!communicator.matches("[A-Za-z0-9._-]{1," + MAX_NAME_CHARS + "}")) {
            throw new IllegalArgumentException("communicator=" + communicator + " is no name: use 1 to "
                    + MAX_NAME_CHARS + " letters, digits, '.', '_' and '-'");
        }
        if (size < 1 || rank < 0 || rank >= size) {
            throw new IllegalArgumentException("rank=" + rank + " is none of size=" + size);
        }
    }
}
