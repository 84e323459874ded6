// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.write;

import io.sparkmooncake.shuffle.spark.BlockCodec;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.transfer.memory.RegionPool;

/**
 * What every writer of this executor shares.
 *
 * @param store where outputs are committed
 * @param scratch private memory for staging; borrowed
 * @param codec compression and encryption of blocks
 * @param bufferBytes serialized bytes a task gathers before it lays them out
 * @param checksum whether blocks carry CRC32C
 * @param counters what was written where
 */
public record WriteEnvironment(
        MapOutputStore store,
        RegionPool scratch,
        BlockCodec codec,
        long bufferBytes,
        boolean checksum,
        WriteCounters counters) {}
