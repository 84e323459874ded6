// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import java.util.List;

/** What a client asks when it looks for changes, and what it is told. */
final class Look {
    private Look() {}

    /** Whether a query's text is one key or the beginning of keys. */
    enum Scope {
        KEY,
        PREFIX
    }

    /**
     * How far a client has read.
     *
     * @param readVersion every change up to it was seen; 0 for nothing yet
     * @param floorVersion removals up to it concern nothing that the client knows: the version at which its last snapshot began.
     *     Without it, a snapshot of several pages would start again whenever a tombstone is dropped between two pages.
     */
    record Cursor(long readVersion, long floorVersion) {
        static final Cursor START = new Cursor(0, 0);
    }

    /** One thing to look at. */
    record Query(Scope scope, String text, Cursor cursor) {}

    /**
     * What changed.
     *
     * @param snapshot this page begins a snapshot: forget what was known
     * @param cursor where to go on
     * @param more whether another page waits behind the cursor
     * @param changes in order of version
     */
    record Answer(boolean snapshot, Cursor cursor, boolean more, List<Change> changes) {
        Answer {
            changes = List.copyOf(changes);
        }
    }
}
