// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferEngine;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** The engine of a process that has no peers: {@code local[*]}. */
final class LoneEngine implements TransferEngine {
    private final PeerRecord self = new PeerRecord("driver", 1, "localhost", 1, Map.of());

    @Override
    public PeerRecord self() {
        return self;
    }

    @Override
    public void register(MemoryRegion region) {}

    @Override
    public void unregister(MemoryRegion region) {}

    @Override
    public void serve(String service, ControlService handler) {}

    @Override
    public CompletableFuture<Peer> connect(PeerRecord peer) {
        return CompletableFuture.failedFuture(new TransferException(Code.UNREACHABLE, "there are no peers here"));
    }

    @Override
    public void peerLost(String name, long epoch, String reason) {}

    @Override
    public void close() {}
}
