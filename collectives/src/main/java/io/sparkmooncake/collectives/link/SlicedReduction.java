// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.EnumMap;

/**
 * Reductions over lanes. <i>Direct</i>, for what is short and for two: every member sends everything, and who needs the result
 * reduces it.
 * <i>Sliced</i>: in rounds, each cut into one slice for each member; everybody sends the others their slices, reduces his own and
 * sends the result to those who need it. The slices of the next round leave before those of this one are awaited, so that sending,
 * receiving and reducing overlap.
 *
 * <p>Threading: the rank's own.
 */
final class SlicedReduction {
    static final int DIRECT_BYTES = 4 << 10;
    private static final int ALL = -1;

    /** Two members receive no more of whole vectors than of slices, and are done after one way instead of two. */
    private static final int MIN_SLICED_MEMBERS = 3;

    /** How many messages leave before the first is awaited: fewer than a lane takes without a credit. */
    private static final int AHEAD = 2;

    /** Slices begin at multiples of it, which is a cache line of the widest type. */
    private static final int SLICE_ALIGNMENT = 8;

    private final Party party;
    private final OperandOrder order;
    private final EnumMap<DataType, Elements> scratch = new EnumMap<>(DataType.class);

    /**
     * Creates the reductions of a party.
     *
     * @param divisor of AVG: the number of all ranks
     */
    SlicedReduction(Party party, ReduceKernel kernel, int divisor) {
        this.party = party;
        this.order = new OperandOrder(kernel, party.size(), divisor);
    }

    void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        DataType type = source.type();
        if (source.count() <= DIRECT_BYTES / type.sizeBytes() || party.size() < MIN_SLICED_MEMBERS) {
            direct(source, target, op);
        } else {
            new Rounds(source, target, op, ALL).run();
        }
    }

    private void direct(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        int chunk = party.piece(source.type(), source.count());
        long sent = 0;
        for (long at = 0; at < source.count(); at += chunk) {
            for (; sent < source.count() && sent <= at + (long) AHEAD * chunk; sent += chunk) {
                int count = (int) Math.min(chunk, source.count() - sent);
                for (int step = 1; step < party.size(); step++) {
                    party.send(party.after(step), source, sent, count);
                }
            }
            reduceHere(source, at, target, at, op, (int) Math.min(chunk, source.count() - at));
        }
    }

    /** Receives the same stretch of every other member and reduces it with this one's. */
    private void reduceHere(Elements source, long from, Elements target, long at, ReduceOp op, int count)
            throws CollectiveException {
        if (count == 0) {
            return;
        }
        for (int member = 0; member < party.size(); member++) {
            if (member == party.me()) {
                order.operand(member, source, from);
            } else {
                order.operand(member, party.receive(member, source.type(), count), 0);
            }
        }
        order.reduce(op, target, at, count);
        for (int step = 1; step < party.size(); step++) {
            party.release(party.after(step));
        }
    }

    /** Reduces into the target of one member; {@code target} is of no interest elsewhere. */
    void reduce(Elements source, Elements target, ReduceOp op, int root) throws CollectiveException {
        DataType type = source.type();
        boolean sliced = party.size() >= MIN_SLICED_MEMBERS && source.count() > DIRECT_BYTES / type.sizeBytes();
        if (sliced) {
            new Rounds(source, target, op, root).run();
            return;
        }
        int chunk = party.piece(type, source.count());
        for (long at = 0; at < source.count(); at += chunk) {
            int count = (int) Math.min(chunk, source.count() - at);
            if (party.me() == root) {
                reduceHere(source, at, target, at, op, count);
            } else {
                party.send(root, source, at, count);
            }
        }
    }

    void reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op) throws CollectiveException {
        int chunk = party.piece(source.type(), blocks.longest());
        sendParts(source, blocks, 0, chunk);
        for (long at = 0; at < blocks.longest(); at += chunk) {
            sendParts(source, blocks, at + chunk, chunk);
            int count = part(blocks, party.me(), at, chunk);
            reduceHere(source, blocks.start(party.me()) + at, target, at, op, count);
        }
    }

    private void sendParts(Elements source, Blocks blocks, long at, int chunk) throws CollectiveException {
        for (int step = 1; step < party.size(); step++) {
            int member = party.after(step);
            party.send(member, source, blocks.start(member) + at, part(blocks, member, at, chunk));
        }
    }

    private static int part(Blocks blocks, int member, long at, int chunk) {
        return (int) Math.max(0, Math.min(chunk, blocks.count(member) - at));
    }

    private Elements scratch(DataType type) {
        Elements memory = scratch.get(type);
        if (memory == null) {
            memory = Elements.allocate(type, party.elementsPerMessage(type));
            scratch.put(type, memory);
        }
        return memory;
    }

    /** One reduction in rounds. */
    private final class Rounds {
        private final Elements source;
        private final Elements target;
        private final ReduceOp op;
        private final int root;
        private final long roundElements;

        Rounds(Elements source, Elements target, ReduceOp op, int root) {
            this.source = source;
            this.target = target;
            this.op = op;
            this.root = root;
            long share = (source.count() + party.size() - 1) / party.size();
            this.roundElements = (long) party.piece(source.type(), share) * party.size();
        }

        void run() throws CollectiveException {
            scatter(0);
            for (long at = 0; at < source.count(); at += roundElements) {
                scatter(at + roundElements);
                reduceOwn(at);
                gather(at - roundElements);
            }
            long last = (source.count() - 1) / roundElements * roundElements;
            gather(last);
        }

        private int elements(long at) {
            return at < 0 ? 0 : (int) Math.max(0, Math.min(roundElements, source.count() - at));
        }

        private int start(long at, int member) {
            int elements = elements(at);
            int share = (elements + party.size() - 1) / party.size();
            int aligned = (share + SLICE_ALIGNMENT - 1) & -SLICE_ALIGNMENT;
            return (int) Math.min(elements, (long) aligned * member);
        }

        private int length(long at, int member) {
            return start(at, member + 1) - start(at, member);
        }

        private void scatter(long at) throws CollectiveException {
            for (int step = 1; step < party.size(); step++) {
                int member = party.after(step);
                party.send(member, source, at + start(at, member), length(at, member));
            }
        }

        private void reduceOwn(long at) throws CollectiveException {
            int me = party.me();
            long own = at + start(at, me);
            int count = length(at, me);
            boolean wanted = root == ALL || root == me;
            Elements result = wanted ? target : scratch(source.type());
            long resultAt = wanted ? own : 0;
            reduceHere(source, own, result, resultAt, op, count);
            if (root == ALL) {
                for (int step = 1; step < party.size(); step++) {
                    party.send(party.after(step), result, resultAt, count);
                }
            } else if (root != me) {
                party.send(root, result, resultAt, count);
            }
        }

        private void gather(long at) throws CollectiveException {
            if (root != ALL && root != party.me()) {
                return;
            }
            for (int step = 1; step < party.size(); step++) {
                int member = party.after(step);
                party.receiveInto(member, target, at + start(at, member), length(at, member));
            }
        }
    }
}
