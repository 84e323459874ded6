// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

/**
 * Both directions between this rank and another one.
 *
 * @param rank the other one
 */
record Lane(int rank, Inbox inbox, Outbox outbox, LaneStream stream) {
    /** What a rank waits for. */
    enum Awaited {
        /** A message of the other rank. */
        MESSAGE,
        /** A slot for a message to it. */
        ROOM
    }

    boolean has(Awaited awaited) {
        return awaited == Awaited.ROOM ? outbox.hasRoom(inbox.credit()) : inbox.poll();
    }

    void release() {
        outbox.credit(inbox.release());
    }
}
