// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.spi;

import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A transport's open way to one peer.
 *
 * <p>Threading: safe from any thread. {@link #submit} may copy on the calling thread where that is the transfer itself
 * (shared memory); it never waits for a peer.
 */
public interface Link extends AutoCloseable {
    /** Returns whether this link moves bytes between these two kinds of memory. */
    boolean reaches(Location local, RegionDescriptor remote);

    /**
     * Carries out a batch that was begun: every request ends in {@link TransferBatch#complete} or {@link TransferBatch#fail}
     * once nothing moved for the batch's timeout (plus scheduling), also when the peer dies, freezes or the link is closed. A
     * request that the owner refuses fails alone.
     */
    void submit(TransferBatch batch);

    /**
     * Returns what the transport wrote and read back when it opened a link that does not reach host memory; empty where the engine
     * proves the link itself, over the host memory of its warm-up slots.
     */
    default Optional<String> proof() {
        return Optional.empty();
    }

    /** Maps remote memory into this process; empty where this link cannot. See {@link io.sparkmooncake.transfer.Peer#map}. */
    Optional<HostRegion> map(RegionDescriptor region) throws TransferException;

    /**
     * Returns whether the link breaks by itself when the peer's process ends. Memory that is mapped outlives its owner.
     */
    default boolean noticesEnd() {
        return false;
    }

    /** Completes with the reason when the link breaks or is closed. */
    CompletableFuture<String> lost();

    @Override
    void close();
}
