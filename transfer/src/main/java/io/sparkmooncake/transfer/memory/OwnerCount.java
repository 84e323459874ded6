// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.util.concurrent.atomic.AtomicInteger;

/** How many hold a region; it is counted once for who made it. Threading: safe from any thread. */
public final class OwnerCount {
    private final long id;
    private final AtomicInteger owners = new AtomicInteger(1);

    /** Begins with one owner of the region of this id. */
    public OwnerCount(long id) {
        this.id = id;
    }

    /** Counts one more; the caller is one of them. */
    public void retain() {
        if (!tryRetain()) {
            throw new IllegalStateException("retain of freed region id=" + id);
        }
    }

    /** Counts one more, unless the region was freed. */
    public boolean tryRetain() {
        return owners.getAndUpdate(count -> count == 0 ? 0 : count + 1) > 0;
    }

    /** Counts one less; returns true once, to the last one, who frees the region. */
    public boolean release() {
        int before = owners.getAndUpdate(count -> Math.max(0, count - 1));
        if (before == 0) {
            throw new IllegalStateException("release of freed region id=" + id);
        }
        return before == 1;
    }
}
