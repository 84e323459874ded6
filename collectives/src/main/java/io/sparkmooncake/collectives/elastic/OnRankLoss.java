// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

/** What the ranks of an elastic communicator do when one of them is lost or silent. */
public enum OnRankLoss {
    /** All fail alike, as those of a {@link io.sparkmooncake.collectives.Communicator} do. */
    FAIL,
    /** Those that are left agree on who they are, repeat the operation among themselves, and say so with the result. */
    SHRINK
}
