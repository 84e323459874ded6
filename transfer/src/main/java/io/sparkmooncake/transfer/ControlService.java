// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import java.nio.ByteBuffer;

/** Answers small two-sided requests of peers: look-ups, leases, aborts. */
@FunctionalInterface
public interface ControlService {
    /**
     * Answers one request. Runs on the engine's control threads, where it may block briefly, or on an event loop if it
     * {@linkplain #isBrief is brief}. An exception reaches the asker as {@link TransferException} with code REFUSED and the
     * exception's message.
     *
     * @param from name and epoch of the authenticated asker
     * @param request read-only, valid during the call
     * @return the answer, owned by the engine from then on
     */
    ByteBuffer answer(Caller from, ByteBuffer request) throws Exception;

    /**
     * Tells whether answering this request takes microseconds and waits for nothing. It is then answered where it arrives, on the
     * connection's event loop, which spares it two changes of thread; everything else of that loop waits meanwhile.
     *
     * @param request not to be consumed; valid during the call
     */
    default boolean isBrief(ByteBuffer request) {
        return false;
    }

    /**
     * The authenticated process at the other end.
     *
     * @param name its peer name
     * @param epoch its life
     * @param host the address it called from
     */
    record Caller(String name, long epoch, String host) {}
}
