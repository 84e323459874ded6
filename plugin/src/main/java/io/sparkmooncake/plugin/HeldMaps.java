// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import java.io.Serial;
import java.io.Serializable;

/**
 * Map outputs of one shuffle that an executor holds, or those of them that the driver does not know: a message over Spark's RPC.
 *
 * @param shuffleId Spark's id of the shuffle
 * @param mapIds Spark's map ids; borrowed
 */
record HeldMaps(int shuffleId, long[] mapIds) implements Serializable {
    @Serial
    private static final long serialVersionUID = 1;
}
