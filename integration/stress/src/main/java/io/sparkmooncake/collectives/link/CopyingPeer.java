// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Lands the requests of a WRITE in their order, on the thread of the caller, as transports do. */
final class CopyingPeer implements Peer {
    private final HostRegion memory;

    CopyingPeer(HostRegion memory) {
        this.memory = memory;
    }

    @Override
    public Submission submit(TransferBatch batch) {
        batch.begin();
        for (int i = 0; i < batch.count(); i++) {
            VarHandle.releaseFence();
            HostRegion local = (HostRegion) batch.local(i);
            Regions.copy(local, batch.localOffset(i), memory, batch.remoteOffset(i), batch.length(i));
            batch.complete(i);
        }
        return Submission.ACCEPTED;
    }

    @Override
    public PeerRecord record() {
        return new PeerRecord("copying", 1, "host", 1, Map.of());
    }

    @Override
    public Optional<HostRegion> map(RegionDescriptor region) {
        return Optional.empty();
    }

    @Override
    public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
        return new CompletableFuture<>();
    }

    @Override
    public CompletableFuture<String> lost() {
        return new CompletableFuture<>();
    }

    @Override
    public List<PathReport> paths() {
        return List.of();
    }
}
