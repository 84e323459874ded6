// SPDX-License-Identifier: Apache-2.0
/**
 * From leased blocks to records: one look-up per peer, blocks read in place where memory is shared and by batched READs
 * elsewhere, each verified before it is decoded.
 *
 * <p>Threading: a reader belongs to its task's thread; look-ups and transfers complete on the engine's threads and only add
 * to the fetch's queue of events.
 */
@NullMarked
package io.sparkmooncake.shuffle.read;

import org.jspecify.annotations.NullMarked;
