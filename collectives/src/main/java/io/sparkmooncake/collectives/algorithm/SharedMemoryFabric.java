// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.shm.MessageExchange;
import io.sparkmooncake.collectives.shm.StepExchange;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import org.jspecify.annotations.Nullable;

/**
 * Ranks that all share memory. Vectors that are longer than a window pass through it in chunks, so that what is exchanged stays in
 * the cache. Threading: see {@link Fabric}.
 */
public final class SharedMemoryFabric implements Fabric {
    private final StepExchange exchange;
    private final Membership self;
    private final int rank;
    private final int size;
    private final int windowBytes;
    private final RankOrder ranks;
    private final AllReduce allReduce;
    private final BlockExchange blockExchange;
    private final MessageExchange messages;

    /**
     * Takes an exchange over whose ranks have met.
     *
     * @param windowBytes size of one window of the exchange
     */
    public SharedMemoryFabric(StepExchange exchange, int windowBytes) {
        this.exchange = exchange;
        this.self = exchange.self();
        this.rank = self.rank();
        this.size = self.size();
        this.windowBytes = windowBytes;
        this.ranks = new RankOrder(exchange, new ScalarKernel());
        this.allReduce = new AllReduce(exchange, ranks, windowBytes);
        this.blockExchange = new BlockExchange(exchange, windowBytes);
        this.messages = new MessageExchange(exchange);
    }

    @Override
    public Membership self() {
        return self;
    }

    @Override
    public void requireWhole() throws CollectiveException {
        exchange.throwIfBroken();
    }

    @Override
    public void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        allReduce.run(source, target, op);
    }

    @Override
    public void reduce(Elements source, @Nullable Elements target, ReduceOp op, int root) throws CollectiveException {
        allReduce.runTo(root, source, target, op);
    }

    @Override
    public void reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op) throws CollectiveException {
        DataType type = target.type();
        exchange.begin(Operation.REDUCE_SCATTER, type, op, -1, source.count(), blocks.shape());
        int share = windowBytes / type.sizeBytes() / size;
        long longest = blocks.longest();
        long at = 0;
        do {
            Elements window = exchange.nextWindow(type);
            for (int other = 0; other < size; other++) {
                int n = part(blocks, other, at, share);
                if (n > 0 && other != rank) {
                    source.copyTo(blocks.start(other) + at, window, (long) other * share, n);
                }
            }
            exchange.step();
            int n = part(blocks, rank, at, share);
            for (int done = 0, length; done < n; done += length) {
                length = Math.min(RankOrder.BLOCK, n - done);
                long ownAt = blocks.start(rank) + at + done;
                ranks.store(ranks.reduce(op, source, ownAt, rank * share + done, length), target, at + done, length);
            }
            at += share;
        } while (at < longest);
    }

    /** Returns how much of a rank's block, from an element of it on, goes into a share; 0 beyond its end. */
    private static int part(Blocks blocks, int rank, long at, int share) {
        return (int) Math.max(0, Math.min(share, blocks.count(rank) - at));
    }

    @Override
    public void allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException {
        exchange.begin(Operation.ALL_GATHER, source.type(), null, -1, given(blocks), blocks.shape());
        collect(source, target, blocks);
    }

    @Override
    public void gather(Elements source, @Nullable Elements target, Blocks blocks, int root) throws CollectiveException {
        exchange.begin(Operation.GATHER, source.type(), null, root, given(blocks), blocks.shape());
        collect(source, target, blocks);
    }

    /** Returns what a call that gathers says it is about: each rank's count where it is the same, else all. */
    private static long given(Blocks blocks) {
        return blocks.shape() == 0 ? blocks.count(0) : blocks.total();
    }

    /** Collects on whoever has a target. */
    private void collect(Elements source, @Nullable Elements target, Blocks blocks) throws CollectiveException {
        DataType type = source.type();
        int chunk = windowBytes / type.sizeBytes();
        long longest = blocks.longest();
        long at = 0;
        do {
            int own = part(blocks, rank, at, chunk);
            if (own > 0) {
                source.copyTo(at, exchange.nextWindow(type), 0, own);
            }
            exchange.step();
            for (int i = 0; i < size && target != null; i++) {
                int other = (rank + i) % size;
                int n = part(blocks, other, at, chunk);
                if (n > 0) {
                    Elements block = other == rank ? source : exchange.window(other, type);
                    block.copyTo(other == rank ? at : 0, target, blocks.start(other) + at, n);
                }
            }
            at += chunk;
        } while (at < longest);
    }

    @Override
    public void scatter(@Nullable Elements source, Blocks blocks, Elements target, int root)
            throws CollectiveException {
        DataType type = target.type();
        exchange.begin(Operation.SCATTER, type, null, root, blocks.total(), blocks.shape());
        int share = windowBytes / type.sizeBytes() / size;
        long longest = blocks.longest();
        long at = 0;
        do {
            if (source != null) {
                Elements window = exchange.nextWindow(type);
                for (int other = 0; other < size; other++) {
                    int n = part(blocks, other, at, share);
                    if (n > 0) {
                        Elements block = other == rank ? target : window;
                        source.copyTo(blocks.start(other) + at, block, other == rank ? at : (long) other * share, n);
                    }
                }
            }
            exchange.step();
            int n = part(blocks, rank, at, share);
            if (n > 0 && source == null) {
                exchange.window(root, type).copyTo((long) rank * share, target, at, n);
            }
            at += share;
        } while (at < longest);
    }

    @Override
    public void allToAll(Elements source, Blocks sent, Elements target, Blocks received) throws CollectiveException {
        blockExchange.run(source, sent, target, received);
    }

    @Override
    public void broadcast(Elements elements, int root) throws CollectiveException {
        DataType type = elements.type();
        long count = elements.count();
        exchange.begin(Operation.BROADCAST, type, null, root, count, 0);
        long at = 0;
        do {
            int n = (int) Math.min(windowBytes / type.sizeBytes(), count - at);
            if (root == rank) {
                elements.copyTo(at, exchange.nextWindow(type), 0, n);
            }
            exchange.step();
            if (root != rank) {
                exchange.window(root, type).copyTo(0, elements, at, n);
            }
            at += n;
        } while (at < count);
    }

    @Override
    public void barrier() throws CollectiveException {
        exchange.begin(Operation.BARRIER, null, null, -1, 0, 0);
        exchange.step();
    }

    @Override
    public void send(Elements source, int to, int tag) throws CollectiveException {
        messages.send(source, to, tag);
    }

    @Override
    public void receive(Elements target, int from, int tag) throws CollectiveException {
        messages.receive(target, from, tag);
    }

    @Override
    public void abort(String reason) {
        var unused = exchange.giveUp(Code.ABORTED, reason);
    }

    @Override
    public void close() {
        exchange.close();
    }
}
