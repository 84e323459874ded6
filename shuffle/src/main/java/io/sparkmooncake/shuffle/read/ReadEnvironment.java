// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.spark.BlockCodec;

/**
 * What every reader of this executor shares.
 *
 * @param lookups finds blocks
 * @param landing where they become readable
 * @param codec compression and encryption of blocks
 * @param limits bounds on what a task has under way
 * @param counters what was read over which path
 */
public record ReadEnvironment(
        Lookups lookups, Landing landing, BlockCodec codec, ReadLimits limits, ReadCounters counters) {}
