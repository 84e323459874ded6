// SPDX-License-Identifier: Apache-2.0
/**
 * Ranks that share no memory: lanes of messages between pairs of them over the transfer engine's WRITEs, and the operations over
 * those. Knows nothing of stores and directories. Entry types are {@link io.sparkmooncake.collectives.link.Links} and
 * {@link io.sparkmooncake.collectives.link.LinkFabric}.
 *
 * <p>It relies on this much of the engine: a batch is completed after its bytes are where they were asked to be, and the requests of
 * one WRITE land in their order; not on the order in which batches land, nor the bytes of one request. {@code docs/collectives.md} has
 * the protocol.
 */
@NullMarked
package io.sparkmooncake.collectives.link;

import org.jspecify.annotations.NullMarked;
