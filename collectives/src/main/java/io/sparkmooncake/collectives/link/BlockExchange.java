// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import java.util.function.IntPredicate;

/**
 * Copies between members of a party over lanes, in messages that alternate among the members, so that all lanes are busy. Threading:
 * the rank's own.
 */
final class BlockExchange {
    /** From this on a root that sends everything to everybody is the bottleneck. */
    private static final int MIN_SPREAD_MEMBERS = 3;

    private static final int MIN_SPREAD_BYTES = 64 << 10;

    private final Party party;

    BlockExchange(Party party) {
        this.party = party;
    }

    void allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException {
        int me = party.me();
        int chunk = party.piece(source.type(), blocks.longest());
        source.copyTo(0, target, blocks.start(me), source.count());
        sendToAll(source, 0, part(source.count(), 0, chunk));
        for (long at = 0; at < blocks.longest(); at += chunk) {
            sendToAll(source, at + chunk, part(source.count(), at + chunk, chunk));
            for (int step = 1; step < party.size(); step++) {
                int member = party.after(step);
                party.receiveInto(member, target, blocks.start(member) + at, part(blocks.count(member), at, chunk));
            }
        }
    }

    private void sendToAll(Elements source, long from, int count) throws CollectiveException {
        for (int step = 1; step < party.size(); step++) {
            party.send(party.after(step), source, from, count);
        }
    }

    private static int part(long count, long at, int chunk) {
        return (int) Math.max(0, Math.min(chunk, count - at));
    }

    void broadcast(Elements elements, int root) throws CollectiveException {
        DataType type = elements.type();
        if (party.size() >= MIN_SPREAD_MEMBERS && elements.count() * type.sizeBytes() >= MIN_SPREAD_BYTES) {
            spread(elements, root);
            return;
        }
        int chunk = party.piece(type, elements.count());
        for (long at = 0; at < elements.count(); at += chunk) {
            int count = part(elements.count(), at, chunk);
            if (party.me() == root) {
                sendToAll(elements, at, count);
            } else {
                party.receiveInto(root, elements, at, count);
            }
        }
    }

    /** In rounds: the root gives each member a slice, which passes it on to the others, and all its own. */
    private void spread(Elements elements, int root) throws CollectiveException {
        int size = party.size();
        int me = party.me();
        int chunk = party.piece(elements.type(), elements.count() / size);
        for (long at = 0; at < elements.count(); at += (long) chunk * size) {
            if (me == root) {
                for (int step = 1; step < size; step++) {
                    int member = party.after(step);
                    party.send(member, elements, slice(at, member, chunk), part(elements, at, member, chunk));
                }
                sendToAll(elements, slice(at, me, chunk), part(elements, at, me, chunk));
            } else {
                long own = slice(at, me, chunk);
                int count = part(elements, at, me, chunk);
                party.receiveInto(root, elements, own, count);
                for (int step = 1; step < size; step++) {
                    int member = party.after(step);
                    party.send(member, elements, own, member == root ? 0 : count);
                }
                for (int step = 1; step < size; step++) {
                    int member = party.after(step);
                    party.receiveInto(member, elements, slice(at, member, chunk), part(elements, at, member, chunk));
                }
            }
        }
    }

    private static long slice(long at, int member, int chunk) {
        return at + (long) member * chunk;
    }

    private static int part(Elements elements, long at, int member, int chunk) {
        return part(elements.count(), slice(at, member, chunk), chunk);
    }

    /** Sends this member's block to the root. */
    void send(Elements source, int root) throws CollectiveException {
        int chunk = party.elementsPerMessage(source.type());
        for (long at = 0; at < source.count(); at += chunk) {
            party.send(root, source, at, part(source.count(), at, chunk));
        }
    }

    /** Receives the blocks of the members that pass, this one's excepted. */
    void gather(Elements target, Blocks blocks, IntPredicate members) throws CollectiveException {
        int chunk = party.elementsPerMessage(target.type());
        for (long at = 0; at < blocks.longest(); at += chunk) {
            for (int step = 1; step < party.size(); step++) {
                int member = party.after(step);
                if (members.test(member)) {
                    party.receiveInto(member, target, blocks.start(member) + at, part(blocks.count(member), at, chunk));
                }
            }
        }
    }

    /** Sends their blocks to the members that pass, this one's excepted. */
    void scatter(Elements source, Blocks blocks, IntPredicate members) throws CollectiveException {
        int chunk = party.elementsPerMessage(source.type());
        for (long at = 0; at < blocks.longest(); at += chunk) {
            for (int step = 1; step < party.size(); step++) {
                int member = party.after(step);
                if (members.test(member)) {
                    party.send(member, source, blocks.start(member) + at, part(blocks.count(member), at, chunk));
                }
            }
        }
    }

    /** Receives this member's block from the root. */
    void receive(Elements target, int root) throws CollectiveException {
        int chunk = party.elementsPerMessage(target.type());
        for (long at = 0; at < target.count(); at += chunk) {
            party.receiveInto(root, target, at, part(target.count(), at, chunk));
        }
    }

    /** Exchanges blocks with the members that pass, this one's excepted. */
    void allToAll(Elements source, Blocks sent, Elements target, Blocks received, IntPredicate members)
            throws CollectiveException {
        int chunk = party.elementsPerMessage(source.type());
        long longest = Math.max(sent.longest(), received.longest());
        for (long at = 0; at < longest; at += chunk) {
            for (int step = 1; step < party.size(); step++) {
                int member = party.after(step);
                if (members.test(member)) {
                    party.send(member, source, sent.start(member) + at, part(sent.count(member), at, chunk));
                }
            }
            for (int step = 1; step < party.size(); step++) {
                int member = party.after(party.size() - step);
                if (members.test(member)) {
                    long to = received.start(member) + at;
                    party.receiveInto(member, target, to, part(received.count(member), at, chunk));
                }
            }
        }
    }

    /** Returns once every member is here: each hears, over log2 rounds, of all those before it. */
    void barrier() throws CollectiveException {
        for (int distance = 1; distance < party.size(); distance *= 2) {
            party.signal(party.after(distance));
            party.awaitSignal(party.after(party.size() - distance));
        }
    }
}
