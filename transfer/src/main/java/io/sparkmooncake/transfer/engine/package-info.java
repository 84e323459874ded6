// SPDX-License-Identifier: Apache-2.0
/**
 * Puts transports together to one engine: connects peers, proves each path by a transfer that is read back and confirmed by
 * the peer, chooses the path of a batch, and finds peers by name through the store.
 *
 * <p>All state of connections and of the directory belongs to the engine's {@linkplain io.sparkmooncake.transfer.agent agent};
 * nothing blocks there. Entry types are {@link io.sparkmooncake.transfer.engine.LocalEngine} and
 * {@link io.sparkmooncake.transfer.engine.PeerDirectory}.
 */
@NullMarked
package io.sparkmooncake.transfer.engine;

import org.jspecify.annotations.NullMarked;
