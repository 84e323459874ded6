// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.spark.BlockCodec;
import io.sparkmooncake.shuffle.store.MapOutputStore;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * What every reader of this executor shares.
 *
 * @param self this executor's id
 * @param store this executor's own outputs
 * @param peers connects to an executor by id
 * @param destination private memory that transfers land in; borrowed
 * @param codec compression and encryption of blocks
 * @param leases keeps leases alive
 * @param lookups asks for blocks
 * @param limits bounds on what a task has under way
 * @param counters what was read over which path
 */
public record ReadEnvironment(
        String self,
        MapOutputStore store,
        Function<String, CompletableFuture<Peer>> peers,
        RegionPool destination,
        BlockCodec codec,
        LeaseKeeper leases,
        LookupsAhead lookups,
        Limits limits,
        ReadCounters counters) {

    /**
     * Bounds on one reduce task.
     *
     * @param maxBytesInFlight Spark's {@code spark.reducer.maxSizeInFlight}
     * @param maxRequestsInFlight Spark's {@code spark.reducer.maxReqsInFlight}
     * @param timeout deadline of one look-up or batch
     * @param connectTimeout deadline of connecting a peer
     * @param checksum whether blocks carry CRC32C
     */
    public record Limits(
            long maxBytesInFlight,
            int maxRequestsInFlight,
            Duration timeout,
            Duration connectTimeout,
            boolean checksum) {}
}
