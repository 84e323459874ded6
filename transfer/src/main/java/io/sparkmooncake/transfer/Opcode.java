// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

/** Direction of a one-sided transfer, seen from the process that submits it. */
public enum Opcode {
    /** Remote memory to local memory. */
    READ,
    /**
     * Local memory to remote memory. The requests of one batch land in the order in which they were added: whoever reads, with acquire,
     * a byte that one of them wrote finds all bytes of those before it, unless one of these failed. Nothing is said about the order of
     * bytes within a request, nor about that of batches.
     */
    WRITE
}
