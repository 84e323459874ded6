// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Stands for the process of a rank that has left: what it sent before is here, and nothing that is sent to it arrives. Threading: safe
 * from any thread.
 */
final class DepartedPeer implements Peer {
    private final String rank;

    DepartedPeer(String rank) {
        this.rank = rank;
    }

    private TransferException departed() {
        return new TransferException(TransferException.Code.REFUSED, rank + " has left");
    }

    @Override
    public PeerRecord record() {
        return new PeerRecord(rank, 0, rank, 0, Map.of());
    }

    @Override
    public Submission submit(TransferBatch batch) {
        batch.begin();
        batch.failUnfinished(departed());
        return Submission.ACCEPTED;
    }

    @Override
    public Optional<HostRegion> map(RegionDescriptor region) {
        return Optional.empty();
    }

    @Override
    public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
        return CompletableFuture.failedFuture(departed());
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
