// SPDX-License-Identifier: Apache-2.0
/**
 * What the ranks of one host share: a segment of mapped memory per rank, which holds words and two windows, and the exchange over
 * them in steps. Knows nothing of algorithms, stores or peers.
 *
 * <p>Every word has one writer, the owner of its segment, but for the verdict in the segment of rank 0, which is decided by one
 * compare-and-set; a stretch of a window may be written by the one rank that reads it. {@code docs/collectives.md} has the protocol and why it is safe.
 */
@NullMarked
package io.sparkmooncake.collectives.shm;

import org.jspecify.annotations.NullMarked;
