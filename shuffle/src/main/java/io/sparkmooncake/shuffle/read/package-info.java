// SPDX-License-Identifier: Apache-2.0
/**
 * From leased blocks to records. {@link io.sparkmooncake.shuffle.read.Lookups} asks the owners of blocks, shares their answers among
 * tasks and keeps their leases; {@code Fetch} brings one task's blocks to where its {@code Landing} makes them readable, in place when
 * memory is shared and by batched READs when not; {@code Records} decodes them.
 *
 * <p>Threading: a reader belongs to its task's thread; look-ups and transfers complete on the engine's threads and only add
 * to the fetch's queue of events.
 */
@NullMarked
package io.sparkmooncake.shuffle.read;

import org.jspecify.annotations.NullMarked;
