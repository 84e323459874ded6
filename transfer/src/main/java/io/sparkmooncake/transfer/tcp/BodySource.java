// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.memory.HostRegion;

/** Entries whose bytes are to be sent, one after the other. Threading: the connection's event loop. */
interface BodySource {
    /** Returns the bytes that the entry at hand still has to send; 0 when the run has to end before it. */
    long remaining();

    /** Returns an upper bound of the bytes that all entries still have to send. */
    long bytesLeft();

    /** Returns the memory of the entry at hand, which must have bytes remaining. */
    HostRegion region();

    /** Returns where in the region the next byte is. */
    long offset();

    /** Goes on by {@code bytes}, at most what remains of the entry at hand. */
    void sent(long bytes);

    /** Ends a run; what is returned is run once its bytes have left the process, or never will. */
    Runnable endRun();
}
