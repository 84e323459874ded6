// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.spi.Transport;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** A path that the settings name and this process cannot offer: refused to every peer, with the reason. */
final class UnavailableTransport implements Transport {
    private final String name;
    private final String reason;

    UnavailableTransport(String name, String reason) {
        this.name = name;
        this.reason = reason;
    }

    @Override
    public String name() {
        return name;
    }

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
    public void close() {}
}
