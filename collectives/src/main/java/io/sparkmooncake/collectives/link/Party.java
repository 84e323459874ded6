// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;

/**
 * Some of a communicator's ranks, numbered by their place among them: all of them, or the leaders of hosts. Threading: the rank's
 * own.
 */
final class Party {
    /** Messages of a long vector are cut so that about this many are under way to each rank. */
    private static final int PIECES = 4;

    private static final int MIN_PIECE_BYTES = 32 << 10;
    private static final int ALIGNMENT_BYTES = 64;

    private final Links links;
    private final int[] ranks;
    private final int me;

    /** Takes the ranks in ascending order, this one's among them. */
    Party(Links links, int... ranks) {
        this.links = links;
        this.ranks = ranks.clone();
        int place = -1;
        for (int i = 0; i < ranks.length; i++) {
            place = ranks[i] == links.self().rank() ? i : place;
        }
        this.me = place;
    }

    int size() {
        return ranks.length;
    }

    int me() {
        return me;
    }

    /** Returns the member that is {@code step} places after this one. */
    int after(int step) {
        return (me + step) % ranks.length;
    }

    int rank(int member) {
        return ranks[member];
    }

    /** Returns how many elements one message takes. */
    int elementsPerMessage(DataType type) {
        return links.slotBytes() / type.sizeBytes();
    }

    /** Returns how many elements a message of a vector takes, of which each member has {@code share}. */
    int piece(DataType type, long share) {
        long bytes = share * type.sizeBytes() / PIECES & -ALIGNMENT_BYTES;
        int largest = links.slotBytes();
        int smallest = Math.min(MIN_PIECE_BYTES, largest);
        return (int) Math.max(smallest, Math.min(largest, bytes)) / type.sizeBytes();
    }

    void send(int member, Elements source, long from, int count) throws CollectiveException {
        if (count > 0) {
            links.send(ranks[member], source, from, count);
        }
    }

    /** Waits for elements, at least one, of a member; they stay until {@link #release}. */
    Elements receive(int member, DataType type, int count) throws CollectiveException {
        return links.receive(ranks[member], type, count);
    }

    void release(int member) throws CollectiveException {
        links.release(ranks[member]);
    }

    /** Waits for elements of a member and copies them. */
    void receiveInto(int member, Elements target, long at, int count) throws CollectiveException {
        if (count > 0) {
            receive(member, target.type(), count).copyTo(0, target, at, count);
            release(member);
        }
    }

    void signal(int member) throws CollectiveException {
        links.signal(ranks[member]);
    }

    void awaitSignal(int member) throws CollectiveException {
        links.awaitSignal(ranks[member]);
    }
}
