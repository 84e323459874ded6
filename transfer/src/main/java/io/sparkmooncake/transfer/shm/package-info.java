// SPDX-License-Identifier: Apache-2.0
/**
 * The path between processes of one host: a peer's region is a file that this process maps, and a transfer is a copy on the
 * calling thread. No thread, no socket and no code of the owner takes part.
 */
@NullMarked
package io.sparkmooncake.transfer.shm;

import org.jspecify.annotations.NullMarked;
