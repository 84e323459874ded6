// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.spi;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * Stands for a path that this process cannot offer, so that every peer's table of paths says why.
 *
 * @param name of the path
 * @param reason one sentence
 */
public record UnavailableTransport(String name, String reason) implements Transport {
    @Override
    public Map<String, String> attributes() {
        return Map.of();
    }

    @Override
    public void register(MemoryRegion region) {}

    @Override
    public void unregister(MemoryRegion region) {}

    @Override
    public CompletableFuture<Reachability> link(PeerRecord peer) {
        return CompletableFuture.completedFuture(new Reachability.Refused(reason));
    }

    @Override
    public long refusedRequests() {
        return 0;
    }

    @Override
    public void close() {}
}
