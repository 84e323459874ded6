// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Link;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The mappings of one peer's memory. It cannot tell whether the peer lives: what is mapped stays readable when the peer is
 * frozen or dead, and the engine, which hears of deaths elsewhere, closes the link.
 */
final class ShmLink implements Link {
    private final ShmTransport transport;
    private final PeerRecord peer;
    private final ImportedRegions regions;
    private final CompletableFuture<String> lost = new CompletableFuture<>();
    private volatile boolean closed;

    ShmLink(ShmTransport transport, PeerRecord peer) {
        this.transport = transport;
        this.peer = peer;
        this.regions = new ImportedRegions(transport::trimWhereDue);
    }

    @Override
    public boolean reaches(Location local, RegionDescriptor remote) {
        return local.kind() == Location.Kind.HOST && isMappable(remote);
    }

    private static boolean isMappable(RegionDescriptor remote) {
        return remote.location().kind() == Location.Kind.HOST && !remote.path().isEmpty();
    }

    @Override
    public void submit(TransferBatch batch) {
        new BatchCopy(this, batch).run();
    }

    @Override
    public Optional<HostRegion> map(RegionDescriptor descriptor) throws TransferException {
        if (!isMappable(descriptor)) {
            return Optional.empty();
        }
        HostRegion region;
        try {
            region = acquire(descriptor);
        } catch (IOException e) {
            throw refused("map of " + describe(descriptor) + " refused: " + e, e);
        }
        if (Regions.isRevoked(region)) {
            region.release();
            throw refused("map of " + describe(descriptor) + " refused: its owner unregistered it", null);
        }
        return Optional.of(region);
    }

    /** Returns the mapping of a region, counted once for the caller. */
    HostRegion acquire(RegionDescriptor descriptor) throws IOException {
        return regions.acquire(descriptor);
    }

    /** Counts a refusal and returns it; once the link is closed, that is the reason of every failure. */
    TransferException refused(String message, @Nullable Exception cause) {
        if (closed) {
            return closedException();
        }
        transport.countRefusal();
        return new TransferException(Code.REFUSED, message, cause);
    }

    TransferException closedException() {
        return new TransferException(Code.CLOSED, "shm link to peer " + peer.describe() + " is closed");
    }

    boolean isClosed() {
        return closed;
    }

    /** Returns a region with its peer, as errors name it. */
    String describe(RegionDescriptor region) {
        return "region id=" + region.id() + " size=" + region.sizeBytes() + " path=" + region.path() + " of peer "
                + peer.describe();
    }

    PeerRecord peer() {
        return peer;
    }

    void trim(long nowNanos, long idleNanos) {
        regions.trim(nowNanos, idleNanos);
    }

    int mappings() {
        return regions.size();
    }

    @Override
    public CompletableFuture<String> lost() {
        return lost;
    }

    @Override
    public void close() {
        closed = true;
        transport.forget(this);
        regions.close();
        lost.complete("shm link to peer " + peer.describe() + " was closed by this process");
    }
}
