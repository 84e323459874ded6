// SPDX-License-Identifier: Apache-2.0
/**
 * Ranks that go on without those that are lost: communicators of one generation after another, and the agreement in the store on
 * who is in the next one. Above the communicator and the rendezvous; uses nothing below them. Entry type is
 * {@link io.sparkmooncake.collectives.elastic.ElasticRendezvous}. The protocol is in docs/collectives.md.
 */
@NullMarked
package io.sparkmooncake.collectives.elastic;

import org.jspecify.annotations.NullMarked;
