// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import org.jspecify.annotations.Nullable;

/** Lets one thread at a time hold private memory beyond the limit of a pool. Threading: safe from any thread. */
final class Overdraft {
    @GuardedBy("this")
    private @Nullable Thread holder;

    @GuardedBy("this")
    private int extents;

    /** Counts an extent of the calling thread and returns true, or returns false when another thread has one. */
    synchronized boolean tryTake() {
        if (holder != null && holder != Thread.currentThread()) {
            return false;
        }
        holder = Thread.currentThread();
        extents++;
        return true;
    }

    /** Counts an extent that was given back, on any thread. */
    synchronized void giveBack() {
        extents--;
        if (extents == 0) {
            holder = null;
        }
    }
}
