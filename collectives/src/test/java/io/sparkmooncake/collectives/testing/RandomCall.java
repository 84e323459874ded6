// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * One call with random parameters that are the same on every rank, checked bit by bit against the sequential reference. Where the
 * elements lie is each rank's own choice.
 */
final class RandomCall {
    private static final int MAX_COUNT = 3_000;

    private final Communicator communicator;
    private final OperandOrder order;
    private final int rank;
    private final int size;
    private final Random random;
    private final Random own;
    private final CallKind kind;
    private final DataType type;
    private final ReduceOp op;
    private final int root;
    private final Blocks blocks;
    private final long inputSeed;

    /** The operations of a communicator, by the arguments that they take. */
    enum CallKind {
        ALL_REDUCE,
        REDUCE,
        REDUCE_SCATTER,
        REDUCE_SCATTER_BLOCKS,
        ALL_GATHER,
        ALL_GATHER_BLOCKS,
        GATHER,
        GATHER_BLOCKS,
        SCATTER,
        SCATTER_BLOCKS,
        ALL_TO_ALL,
        ALL_TO_ALL_BLOCKS,
        BROADCAST,
        BARRIER
    }

    RandomCall(Communicator communicator, OperandOrder order, long seed) {
        this(communicator, order, seed, null, -1);
    }

    /** Takes kind and root as they are given, unless null and −1. */
    RandomCall(Communicator communicator, OperandOrder order, long seed, @Nullable CallKind kind, int root) {
        this.communicator = communicator;
        this.order = order;
        this.rank = communicator.membership().rank();
        this.size = communicator.membership().size();
        this.random = new Random(seed);
        this.own = new Random(seed * 31 + rank);
        CallKind anyKind = any(CallKind.values());
        this.kind = kind == null ? anyKind : kind;
        this.type = any(DataType.values());
        this.op = any(Arrays.stream(ReduceOp.values())
                .filter(each -> each.takes(type))
                .toArray(ReduceOp[]::new));
        int anyRoot = random.nextInt(size);
        this.root = root < 0 ? anyRoot : root;
        this.blocks = this.kind.name().endsWith("BLOCKS") ? Blocks.of(counts()) : Blocks.even(size, count());
        this.inputSeed = random.nextLong();
    }

    private int count() {
        return random.nextInt(4) == 0 ? random.nextInt(4) : random.nextInt(MAX_COUNT);
    }

    private long[] counts() {
        long[] counts = new long[size];
        Arrays.setAll(counts, i -> count());
        return counts;
    }

    private <E> E any(E[] all) {
        return all[random.nextInt(all.length)];
    }

    private List<Number> input(int ofRank, long length) {
        return TestVector.random(type, (int) length, new Random(inputSeed + ofRank));
    }

    private List<Number> reduced(long length) {
        List<List<Number>> operands = new ArrayList<>();
        for (int other : order.of(size)) {
            operands.add(input(other, length));
        }
        return SequentialReference.reduce(type, op, operands);
    }

    private Elements place(List<Number> values) {
        if (type == DataType.BOOLEAN && own.nextInt(3) == 0) {
            return TestVector.booleans(values);
        }
        return own.nextBoolean() ? TestVector.onHeap(type, values) : TestVector.offHeap(type, values);
    }

    private Elements empty(long length) {
        return place(Collections.nCopies((int) length, (byte) 0));
    }

    void check() throws Exception {
        switch (kind) {
            case ALL_REDUCE -> allReduce();
            case REDUCE -> reduce();
            case REDUCE_SCATTER, REDUCE_SCATTER_BLOCKS -> reduceScatter();
            case ALL_GATHER, ALL_GATHER_BLOCKS -> allGather();
            case GATHER, GATHER_BLOCKS -> gather();
            case SCATTER, SCATTER_BLOCKS -> scatter();
            case ALL_TO_ALL, ALL_TO_ALL_BLOCKS -> allToAll();
            case BROADCAST -> {
                Elements elements = place(input(rank, blocks.count(0)));
                communicator.broadcast(elements, root);
                expect(elements, input(root, blocks.count(0)));
            }
            case BARRIER -> communicator.barrier();
        }
    }

    private void allReduce() throws Exception {
        long count = blocks.total();
        Elements source = place(input(rank, count));
        boolean inPlace = own.nextBoolean();
        Elements target = inPlace ? source : empty(count);
        communicator.allReduce(source, target, op);
        expect(target, reduced(count));
        if (!inPlace) {
            expect(source, input(rank, count));
        }
    }

    private void reduce() throws Exception {
        long count = blocks.total();
        Elements source = place(input(rank, count));
        boolean inPlace = own.nextBoolean();
        Elements target = inPlace ? source : empty(count);
        communicator.reduce(source, rank == root ? target : null, op, root);
        if (rank == root) {
            expect(target, reduced(count));
        }
        if (rank != root || !inPlace) {
            expect(source, input(rank, count));
        }
    }

    private void reduceScatter() throws Exception {
        long start = blocks.start(rank);
        Elements source = place(input(rank, blocks.total()));
        Elements target = own.nextBoolean() ? source.slice(start, blocks.count(rank)) : empty(blocks.count(rank));
        if (kind == CallKind.REDUCE_SCATTER) {
            communicator.reduceScatter(source, target, op);
        } else {
            communicator.reduceScatter(source, blocks, target, op);
        }
        expect(target, reduced(blocks.total()).subList((int) start, (int) (start + blocks.count(rank))));
    }

    /** Returns a whole vector with this rank's input as its block of it, to be gathered in place, or nothing in it. */
    private Elements gathered(boolean inPlace) {
        Elements target = empty(blocks.total());
        if (inPlace) {
            place(input(rank, blocks.count(rank))).copyTo(0, target, blocks.start(rank), blocks.count(rank));
        }
        return target;
    }

    private List<Number> concatenated() {
        List<Number> expected = new ArrayList<>();
        for (int other = 0; other < size; other++) {
            expected.addAll(input(other, blocks.count(other)));
        }
        return expected;
    }

    private void allGather() throws Exception {
        boolean inPlace = own.nextBoolean();
        Elements target = gathered(inPlace);
        Elements source =
                inPlace ? target.slice(blocks.start(rank), blocks.count(rank)) : place(input(rank, blocks.count(rank)));
        if (kind == CallKind.ALL_GATHER) {
            communicator.allGather(source, target);
        } else {
            communicator.allGather(source, target, blocks);
        }
        expect(target, concatenated());
    }

    private void gather() throws Exception {
        boolean inPlace = rank == root && own.nextBoolean();
        Elements target = gathered(inPlace);
        Elements source =
                inPlace ? target.slice(blocks.start(rank), blocks.count(rank)) : place(input(rank, blocks.count(rank)));
        if (kind == CallKind.GATHER) {
            communicator.gather(source, rank == root ? target : null, root);
        } else {
            communicator.gather(source, rank == root ? target : null, blocks, root);
        }
        if (rank == root) {
            expect(target, concatenated());
        }
    }

    private void scatter() throws Exception {
        Elements source = rank == root ? place(input(root, blocks.total())) : null;
        Elements target = source != null && own.nextBoolean()
                ? source.slice(blocks.start(rank), blocks.count(rank))
                : empty(blocks.count(rank));
        if (kind == CallKind.SCATTER) {
            communicator.scatter(source, target, root);
        } else {
            communicator.scatter(source, blocks, target, root);
        }
        int start = (int) blocks.start(rank);
        expect(target, input(root, blocks.total()).subList(start, start + (int) blocks.count(rank)));
    }

    /** What rank {@code from} sends to rank {@code to}. */
    private long sent(int from, int to) {
        return kind == CallKind.ALL_TO_ALL
                ? blocks.count(0)
                : (blocks.count(from) + blocks.count(to)) % (MAX_COUNT / 4);
    }

    private void allToAll() throws Exception {
        long[] out = new long[size];
        long[] in = new long[size];
        Arrays.setAll(out, other -> sent(rank, other));
        Arrays.setAll(in, other -> sent(other, rank));
        Blocks sent = Blocks.of(out);
        Blocks received = Blocks.of(in);
        Elements target = empty(received.total());
        Elements source = place(input(rank, sent.total()));
        if (kind == CallKind.ALL_TO_ALL) {
            communicator.allToAll(source, target);
        } else {
            communicator.allToAll(source, sent, target, received);
        }
        List<Number> expected = new ArrayList<>();
        for (int other = 0; other < size; other++) {
            long[] theirs = new long[size];
            int from = other;
            Arrays.setAll(theirs, to -> sent(from, to));
            Blocks cut = Blocks.of(theirs);
            List<Number> whole = input(other, cut.total());
            expected.addAll(whole.subList((int) cut.start(rank), (int) (cut.start(rank) + cut.count(rank))));
        }
        expect(target, expected);
    }

    private void expect(Elements actual, List<Number> expected) {
        assertThat(TestVector.values(actual)).as(toString()).isEqualTo(expected);
    }

    @Override
    public String toString() {
        return kind + " type=" + type + " op=" + op + " blocks=" + blocks + " root=" + root + " rank=" + rank + " size="
                + size;
    }
}
