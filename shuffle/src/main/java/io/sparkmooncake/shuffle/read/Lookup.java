// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.BlockTable;

/**
 * An answered look-up and the lease that came with it.
 *
 * @param source what was asked of whom
 * @param table what was found
 * @param lease keeps it readable; closed when the last row was read or had arrived
 */
record Lookup(PeerBlocks source, BlockTable table, ReadLease lease) {}
