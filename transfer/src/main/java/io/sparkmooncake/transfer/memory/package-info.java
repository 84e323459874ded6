// SPDX-License-Identifier: Apache-2.0
/**
 * Registered memory: regions with a location, a key and counted owners, and the pools that hand out extents of them.
 *
 * <p>A shareable region is an unlinked file (in {@code /dev/shm}, or in a local directory where memory ran out) that the
 * owner and same-host peers map. Nothing here knows of peers, links or Spark.
 */
@NullMarked
package io.sparkmooncake.transfer.memory;

import org.jspecify.annotations.NullMarked;
