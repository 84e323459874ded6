// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferEngine;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * What an executor brings to its shuffle.
 *
 * @param engine the executor's engine; borrowed
 * @param peers connects to an executor by id
 * @param sharedMemoryOnly tells whether every known executor is reached through shared memory
 * @param memory shareable memory for map outputs, up to their limit; owned
 * @param files local directories for map outputs beyond that; owned
 * @param scratch private memory for staging and for blocks that are transferred; owned
 * @param connectTimeout deadline of connecting a peer
 */
public record ExecutorResources(
        TransferEngine engine,
        Function<String, CompletableFuture<Peer>> peers,
        BooleanSupplier sharedMemoryOnly,
        RegionPool memory,
        RegionPool files,
        RegionPool scratch,
        Duration connectTimeout)
        implements AutoCloseable {

    /** Returns this executor's id. */
    public String self() {
        return engine.self().name();
    }

    boolean allPeersShareMemory() {
        return sharedMemoryOnly.getAsBoolean();
    }

    void trim(long nowNanos) {
        memory.trim(nowNanos);
        files.trim(nowNanos);
        scratch.trim(nowNanos);
    }

    @Override
    public void close() {
        memory.close();
        files.close();
        scratch.close();
    }
}
