// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

/** A task's claim on memory of an executor: what it was told stays readable there until it closes the claim. */
interface ReadLease extends AutoCloseable {
    /** Tells whether the owner may have reused the memory. */
    boolean isExpired();

    /** Gives the claim up. Idempotent. */
    @Override
    void close();
}
