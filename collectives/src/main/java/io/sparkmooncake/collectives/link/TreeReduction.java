// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.EnumMap;

/**
 * All-reduce among so many members that a lane between each two of them is too much: up a binomial tree to the first member, and down
 * it again. Each member reduces a stretch of members that follow each other with the stretch after it, so the operands are in the order
 * of members; where the brackets are depends on their number only. It needs the lanes of the barrier and no other.
 *
 * <p>Threading: the rank's own.
 */
final class TreeReduction {
    private final Party party;
    private final ReduceKernel kernel;
    private final int divisor;
    private final EnumMap<DataType, Elements> scratch = new EnumMap<>(DataType.class);

    TreeReduction(Party party, ReduceKernel kernel, int divisor) {
        this.party = party;
        this.kernel = kernel;
        this.divisor = divisor;
    }

    void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        DataType type = source.type().accumulator();
        int chunk = party.elementsPerMessage(type);
        Elements partial = scratch.get(type);
        if (partial == null) {
            partial = Elements.allocate(type, chunk);
            scratch.put(type, partial);
        }
        for (long at = 0; at < source.count(); at += chunk) {
            int count = (int) Math.min(chunk, source.count() - at);
            kernel.convert(source, at, partial, 0, count);
            up(partial, op, count);
            down(partial, count);
            kernel.convert(partial, 0, target, at, count);
        }
    }

    private void up(Elements partial, ReduceOp op, int count) throws CollectiveException {
        int me = party.me();
        for (int distance = 1; distance < party.size(); distance *= 2) {
            if ((me & distance) != 0) {
                party.send(me - distance, partial, 0, count);
                return;
            }
            if (me + distance < party.size()) {
                Elements next = party.receive(me + distance, partial.type(), count);
                kernel.reduce(op, partial, 0, next, 0, count);
                party.release(me + distance);
            }
        }
        if (op == ReduceOp.AVG) {
            kernel.divide(partial, 0, count, divisor);
        }
    }

    private void down(Elements partial, int count) throws CollectiveException {
        int me = party.me();
        int lowest = me == 0 ? Integer.highestOneBit(party.size()) * 2 : Integer.lowestOneBit(me);
        if (me != 0) {
            party.receiveInto(me - lowest, partial, 0, count);
        }
        for (int distance = lowest / 2; distance >= 1; distance /= 2) {
            if (me + distance < party.size()) {
                party.send(me + distance, partial, 0, count);
            }
        }
    }
}
