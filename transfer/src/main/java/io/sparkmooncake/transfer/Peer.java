// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A connected process: authenticated, and reached over at least one path that was proved by a transfer that was read back.
 *
 * <p>Threading: safe from any thread; no method blocks but {@link #map}, which may make system calls on first use of a region.
 */
public interface Peer {
    /** Returns what the peer published. */
    PeerRecord record();

    /**
     * Submits a batch over the first path that reaches every memory in it.
     *
     * @return {@link Submission#BUSY}, with nothing begun, while this peer's in-flight limit is reached; try again when an
     *     earlier batch is done
     */
    Submission submit(TransferBatch batch);

    /**
     * Maps remote memory into this process where a path allows that, so that its bytes are read in place, or opens it if it is in
     * a file (see {@link HostRegion#isAddressable}).
     *
     * @return the region, counted once for the caller, who releases it; empty where only transfers reach it
     * @throws TransferException when the memory should be mappable and is not what the descriptor says
     */
    Optional<HostRegion> map(RegionDescriptor region) throws TransferException;

    /**
     * Asks a {@link ControlService} of the peer. The future fails with {@link TransferException}: REFUSED by the service,
     * TIMED_OUT, or at once PEER_LOST when the connection breaks and PEER_GONE when the store removed the peer.
     */
    CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout);

    /** Completes with the reason when the peer is lost; a lost peer stays lost, its successor is another object. */
    CompletableFuture<String> lost();

    /** Tells whether the peer is lost. For those who ask often: each future of {@link #lost} is kept until the peer is. */
    default boolean isLost() {
        return lost().isDone();
    }

    /** Returns each configured path in order of preference, offered or refused with its reason. */
    List<PathReport> paths();

    /** Whether a batch was taken. */
    enum Submission {
        /** The batch will be completed. */
        ACCEPTED,
        /** Back-pressure: nothing was begun. */
        BUSY
    }

    /**
     * One row of the table of paths.
     *
     * @param path name of the transport
     * @param offered whether a verified transfer passed over it
     * @param reason why not, or how it was proved
     */
    record PathReport(String path, boolean offered, String reason) {}
}
