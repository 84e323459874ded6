// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.fabric.Call;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.shm.StepExchange;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;

/**
 * All-to-all. A window has a slot for each rank: {@code i64 count of the block for it | i64 longest block of this rank | elements}.
 * From the longest blocks of all every rank knows how many steps there are; the counts are compared with those that are awaited.
 */
final class BlockExchange {
    private static final int HEADER_BYTES = 16;
    private static final int LONG_BYTES = 8;

    private final StepExchange exchange;
    private final int rank;
    private final int size;
    private final int slotBytes;

    BlockExchange(StepExchange exchange, int windowBytes) {
        this.exchange = exchange;
        this.rank = exchange.self().rank();
        this.size = exchange.self().size();
        this.slotBytes = windowBytes / size & -LONG_BYTES;
    }

    void run(Elements source, Blocks sent, Elements target, Blocks received) throws CollectiveException {
        DataType type = source.type();
        exchange.begin(Operation.ALL_TO_ALL, type, null, -1, Call.UNCOUNTED, 0);
        source.copyTo(sent.start(rank), target, received.start(rank), sent.count(rank));
        int share = (slotBytes - HEADER_BYTES) / type.sizeBytes();
        long own = sent.longest();
        long longest = own;
        long at = 0;
        do {
            fill(source, sent, at, share, own);
            exchange.step();
            for (int i = 1; i < size; i++) {
                int other = (rank + i) % size;
                if (at == 0) {
                    longest = Math.max(longest, check(other, type, received));
                }
                int n = part(received, other, at, share);
                if (n > 0) {
                    exchange.window(other, type)
                            .copyTo(firstElement(rank, type), target, received.start(other) + at, n);
                }
            }
            at += share;
        } while (at < longest);
    }

    private void fill(Elements source, Blocks sent, long at, int share, long longest) {
        Elements window = exchange.nextWindow(source.type());
        for (int other = 0; other < size; other++) {
            if (other != rank) {
                if (at == 0) {
                    exchange.nextNumbers(slotBytes / LONG_BYTES * other, sent.count(other), longest);
                }
                int n = part(sent, other, at, share);
                if (n > 0) {
                    source.copyTo(sent.start(other) + at, window, firstElement(other, source.type()), n);
                }
            }
        }
    }

    /** Compares what a rank sends here with what is awaited, and returns the longest block that it sends. */
    private long check(int other, DataType type, Blocks received) throws CollectiveException {
        int slot = slotBytes / LONG_BYTES * rank;
        long count = exchange.number(other, slot);
        if (count != received.count(other)) {
            throw exchange.giveUp(
                    Code.DESYNC,
                    exchange.describe(other) + " is at " + exchange.describeCall(other) + " and sends rank " + rank
                            + " "
                            + type.label() + "[" + count + "], we are at " + exchange.describeCall(rank) + " and await "
                            + type.label() + "[" + received.count(other) + "]; found by " + exchange.describe(rank)
                            + ". What a rank sends to another one must have the count that this one awaits");
        }
        return exchange.number(other, slot + 1);
    }

    private long firstElement(int slot, DataType type) {
        return ((long) slotBytes * slot + HEADER_BYTES) / type.sizeBytes();
    }

    private static int part(Blocks blocks, int rank, long at, int share) {
        return (int) Math.max(0, Math.min(share, blocks.count(rank) - at));
    }
}
