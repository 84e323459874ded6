// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

/** Direction of a one-sided transfer, seen from the process that submits it. */
public enum Opcode {
    /** Remote memory to local memory. */
    READ,
    /** Local memory to remote memory. */
    WRITE
}
