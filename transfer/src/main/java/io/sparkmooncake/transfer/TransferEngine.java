// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import io.sparkmooncake.transfer.memory.MemoryRegion;
import java.util.concurrent.CompletableFuture;

/**
 * One process's end of the data and control planes.
 *
 * <p>Threading: safe from any thread; nothing blocks but {@link #unregister} and {@link #close}.
 */
public interface TransferEngine extends AutoCloseable {
    /** Returns this process's record; its listener answers. */
    PeerRecord self();

    /** Makes a region reachable for peers that hold its descriptor. The engine holds a count until it is unregistered. */
    void register(MemoryRegion region);

    /** Refuses further transfers on the region, waits for those in flight (bounded by their deadlines), drops the count. */
    void unregister(MemoryRegion region);

    /** Offers a control service under a name that no other service of this engine has. */
    void serve(String service, ControlService handler);

    /**
     * Connects to a peer, or returns the connection that exists. The future fails with {@link TransferException} whose
     * message is the table of causes of {@code docs/bootstrap.md}; it always completes within the connect deadline.
     */
    CompletableFuture<Peer> connect(PeerRecord peer);

    /** Tells that a process is known to be gone: its connections and mappings end now, with this reason. */
    void peerLost(String name, long epoch, String reason);

    /** Ends every connection, listener, thread and count that this engine holds; idempotent. */
    @Override
    void close();
}
