// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.spi;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * One way between memories of two processes. Closing it closes its links and fails their batches.
 *
 * <p>Threading: safe from any thread; {@link #link} and {@link #register} do not block.
 */
public interface Transport extends AutoCloseable {
    /** Returns the short name used in settings, errors and metrics: {@code shm}, {@code tcp}. */
    String name();

    /** Returns what peers must know to reach this end; published in the {@link PeerRecord}. */
    Map<String, String> attributes();

    /** Makes a region reachable; the transport ignores kinds of memory that it cannot serve. */
    void register(MemoryRegion region);

    /** Refuses the region from now on and returns when no transfer touches it. Bounded by the transfers' deadlines. */
    void unregister(MemoryRegion region);

    /**
     * Opens a link. The future completes with the verdict, never exceptionally, within the connect deadline. A link counts
     * as reached for the engine only after its warm-up was written and read back.
     */
    CompletableFuture<Reachability> link(PeerRecord peer);

    /** Returns how many requests this end refused since it started: wrong key, out of bounds, unknown or unregistered region. */
    long refusedRequests();

    @Override
    void close();
}
