// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A real peer, of which a test changes what it is about. */
class DelegatingPeer implements Peer {
    private final Peer peer;

    DelegatingPeer(Peer peer) {
        this.peer = peer;
    }

    @Override
    public PeerRecord record() {
        return peer.record();
    }

    @Override
    public Submission submit(TransferBatch batch) {
        return peer.submit(batch);
    }

    @Override
    public Optional<HostRegion> map(RegionDescriptor region) throws TransferException {
        return peer.map(region);
    }

    @Override
    public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
        return peer.ask(service, request, timeout);
    }

    @Override
    public CompletableFuture<String> lost() {
        return peer.lost();
    }

    @Override
    public boolean isLost() {
        return peer.isLost();
    }

    @Override
    public List<PathReport> paths() {
        return peer.paths();
    }
}
