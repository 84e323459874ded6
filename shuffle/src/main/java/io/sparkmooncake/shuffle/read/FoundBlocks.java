// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import io.sparkmooncake.shuffle.store.BlockTable;
import io.sparkmooncake.shuffle.store.LeasedBlocks;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The blocks that one look-up found, with the asking task's claim on the lease that keeps them readable.
 *
 * <p>Threading: safe from any thread.
 */
public final class FoundBlocks implements AutoCloseable {
    private final PeerBlocks source;
    private final @Nullable Peer peer;
    private final BlockTable table;
    private final List<HostRegion> here;
    private final List<RegionDescriptor> there;
    private final Claim claim;

    /** A claim on memory of an executor: what it found stays readable there until the claim is closed. */
    interface Claim extends AutoCloseable {
        /** Returns whether the owner may have reused the memory. */
        boolean isExpired();

        /** Gives the claim up. Idempotent. */
        @Override
        void close();
    }

    private FoundBlocks(
            PeerBlocks source,
            @Nullable Peer peer,
            BlockTable table,
            List<HostRegion> here,
            List<RegionDescriptor> there,
            Claim claim) {
        this.source = source;
        this.peer = peer;
        this.table = table;
        this.here = here;
        this.there = there;
        this.claim = claim;
    }

    /** Blocks of this executor. */
    static FoundBlocks here(PeerBlocks source, LeasedBlocks<HostRegion> found, Claim claim) {
        return new FoundBlocks(source, null, found.table(), found.regions(), List.of(), claim);
    }

    /** Blocks of a peer. */
    static FoundBlocks at(Peer peer, PeerBlocks source, BlockTable table, List<RegionDescriptor> regions, Claim claim) {
        return new FoundBlocks(source, peer, table, List.of(), regions, claim);
    }

    PeerBlocks source() {
        return source;
    }

    /** Returns the rows that were found. */
    public BlockTable table() {
        return table;
    }

    /** Returns whether the blocks are this executor's own. */
    public boolean isHere() {
        return peer == null;
    }

    /** Returns the peer that has the blocks, as it was connected when it answered. */
    Peer peer() {
        return Objects.requireNonNull(peer, "blocks of this executor have no peer");
    }

    /** Returns the peer's region that rows point into. */
    RegionDescriptor region(int row) {
        return there.get(table.region(row));
    }

    /** Returns every region in this process, each counted once for the caller; empty when one is not mappable here. */
    public Optional<List<HostRegion>> map() throws TransferException {
        if (peer == null) {
            here.forEach(HostRegion::retain);
            return Optional.of(here);
        }
        List<HostRegion> mapped = new ArrayList<>();
        boolean all = false;
        try {
            for (RegionDescriptor region : there) {
                Optional<HostRegion> one = peer.map(region);
                if (one.isEmpty()) {
                    return Optional.empty();
                }
                mapped.add(one.get());
            }
            all = true;
            return Optional.of(mapped);
        } finally {
            if (!all) {
                mapped.forEach(HostRegion::release);
            }
        }
    }

    boolean isExpired() {
        return claim.isExpired();
    }

    /** Gives the claim on the lease up. Idempotent. */
    @Override
    public void close() {
        claim.close();
    }
}
