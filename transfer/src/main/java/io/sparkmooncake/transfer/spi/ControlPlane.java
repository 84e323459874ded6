// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.spi;

import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.PeerRecord;
import java.util.concurrent.CompletableFuture;

/**
 * The listener of this process and its dialer: opens and answers authenticated control channels. Listening from the moment it
 * exists.
 *
 * <p>Threading: safe from any thread; nothing blocks but {@link #close}.
 */
public interface ControlPlane extends AutoCloseable {
    /** Returns the port that answers. */
    int port();

    /** Offers a service under a name that no other service has. */
    void serve(String service, ControlService handler);

    /**
     * Dials a peer and checks that it is the very life that the record names. The future fails with
     * {@link io.sparkmooncake.transfer.TransferException}: UNREACHABLE, PROTOCOL, TIMED_OUT, PEER_LOST or PEER_GONE.
     */
    CompletableFuture<ControlChannel> control(PeerRecord peer);

    /** Ends whatever is open to or from that life of a peer, as PEER_GONE, and refuses it from now on. */
    void forget(String name, long epoch, String reason);

    @Override
    void close();
}
