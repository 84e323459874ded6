// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.hierarchy;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Call;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.link.LinkGroup;
import io.sparkmooncake.collectives.link.Links;
import io.sparkmooncake.collectives.shm.StepExchange;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.time.Duration;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A fabric of several hosts. The order of operands is host by host, in the order of {@link Groups}, and within a host by rank: the
 * ranks of each host are reduced first, then the hosts' results.
 *
 * <p>Threading: see {@link Fabric}.
 */
public final class HierarchicalFabric implements Fabric {
    private final Membership self;
    private final Groups groups;
    private final StepExchange exchange;
    private final Fabric host;
    private final Links links;
    private final LinkGroup leaders;
    private final LinkGroup everybody;
    private final Staging staging;
    private final int[] mates;
    private final int group;
    private final boolean leads;
    private final IntPredicate remote;

    /**
     * Takes its parts over; {@link #meet} comes before any operation.
     *
     * @param exchange of the ranks of this host, numbered by their places
     * @param host fabric over it
     * @param links of this rank, for all ranks
     */
    public HierarchicalFabric(
            Membership self, Groups groups, StepExchange exchange, Fabric host, Links links, ReduceKernel kernel) {
        this.self = self;
        this.groups = groups;
        this.exchange = exchange;
        this.host = host;
        this.links = links;
        this.group = groups.of(self.rank());
        this.leads = groups.place(self.rank()) == 0;
        this.mates = groups.members(group);
        this.leaders = new LinkGroup(links, kernel, groups.leaders());
        this.everybody =
                new LinkGroup(links, kernel, IntStream.range(0, self.size()).toArray());
        this.staging = new Staging(kernel);
        this.remote = rank -> groups.of(rank) != group;
    }

    /** Returns once every rank is here and every lane between leaders was proved; waits for each for at most this long. */
    public void meet(Duration patience) throws CollectiveException {
        exchange.patience(patience);
        links.patience(patience);
        begin(Operation.JOIN, null, null, -1);
        describe(self.size(), 0);
        host.barrier();
        if (leads) {
            leaders.open();
            leaders.barrier();
        }
        host.barrier();
        exchange.resetPatience();
        links.patience(links.timeout());
    }

    /** Begins a call on both planes: what happens within it is part of it for whoever compares. */
    private void begin(Operation operation, @Nullable DataType type, @Nullable ReduceOp op, int root)
            throws CollectiveException {
        links.begin(operation, type, op, root);
        exchange.beginNest(operation, type, op, root);
    }

    private void describe(long count, long shape) {
        links.describe(count, shape);
        exchange.describeNest(count, shape);
    }

    @Override
    public Membership self() {
        return self;
    }

    @Override
    public void requireWhole() throws CollectiveException {
        exchange.throwIfBroken();
        links.throwIfBroken();
    }

    @Override
    public void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        begin(Operation.ALL_REDUCE, source.type(), op, -1);
        describe(source.count(), 0);
        if (source.type() == source.type().accumulator()) {
            reduceToAll(source, target, op);
            return;
        }
        for (long at = 0; at < source.count(); at += Staging.ELEMENTS) {
            int count = (int) Math.min(Staging.ELEMENTS, source.count() - at);
            Elements wide = staging.widen(source, at, count);
            reduceToAll(wide, wide, op);
            staging.narrow(wide, target, at, count);
        }
    }

    private void reduceToAll(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        host.reduce(source, leads ? target : null, onHost(op), 0);
        if (leads) {
            leaders.allReduce(target, target, op);
        }
        host.broadcast(target, 0);
    }

    /** The mean of all ranks is divided once, among the leaders. */
    private static ReduceOp onHost(ReduceOp op) {
        return op == ReduceOp.AVG ? ReduceOp.SUM : op;
    }

    @Override
    public void reduce(Elements source, @Nullable Elements target, ReduceOp op, int root) throws CollectiveException {
        begin(Operation.REDUCE, source.type(), op, root);
        describe(source.count(), 0);
        int home = groups.of(root);
        for (long at = 0; at < source.count(); at += Staging.ELEMENTS) {
            int count = (int) Math.min(Staging.ELEMENTS, source.count() - at);
            Elements wide = staging.widen(source, at, count);
            host.reduce(wide, leads ? wide : null, onHost(op), 0);
            if (leads) {
                leaders.reduce(wide, wide, op, home);
            }
            if (home == group && groups.place(root) != 0) {
                host.broadcast(wide, 0);
            }
            if (target != null) {
                staging.narrow(wide, target, at, count);
            }
        }
    }

    @Override
    public void reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op) throws CollectiveException {
        begin(Operation.REDUCE_SCATTER, source.type(), op, -1);
        describe(blocks.total(), blocks.shape());
        long start = blocks.start(self.rank());
        long end = start + blocks.count(self.rank());
        for (long at = 0; at < blocks.total(); at += Staging.ELEMENTS) {
            int count = (int) Math.min(Staging.ELEMENTS, blocks.total() - at);
            Elements wide = staging.widen(source, at, count);
            reduceToAll(wide, wide, op);
            long from = Math.max(start, at);
            long to = Math.min(end, at + count);
            if (from < to) {
                staging.narrow(wide.slice(from - at, to - from), target, from - start, (int) (to - from));
            }
        }
    }

    @Override
    public void allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException {
        begin(Operation.ALL_GATHER, source.type(), null, -1);
        describe(blocks.total(), blocks.shape());
        source.copyTo(0, target, blocks.start(self.rank()), source.count());
        HostBlocks ours = new HostBlocks(mates, target, blocks);
        host.allGather(source, ours.joined(), ours.blocks());
        ours.store();
        if (leads) {
            exchangeBlocks(target, blocks, ours);
        }
        host.broadcast(target, 0);
    }

    private void exchangeBlocks(Elements target, Blocks blocks, HostBlocks ours) throws CollectiveException {
        if (groups.areContiguous()) {
            long[] counts = new long[groups.count()];
            for (int rank = 0; rank < groups.size(); rank++) {
                counts[groups.of(rank)] += blocks.count(rank);
            }
            leaders.allGather(ours.joined(), target, Blocks.of(counts));
            return;
        }
        for (int rank = 0; rank < groups.size(); rank++) {
            leaders.broadcast(target.slice(blocks.start(rank), blocks.count(rank)), groups.of(rank));
        }
    }

    @Override
    public void gather(Elements source, @Nullable Elements target, Blocks blocks, int root) throws CollectiveException {
        begin(Operation.GATHER, source.type(), null, root);
        describe(blocks.total(), blocks.shape());
        if (remote.test(root)) {
            everybody.send(source, root);
        } else if (target == null) {
            Blocks ours = hostBlocks(blocks);
            host.gather(source, null, ours, groups.place(root));
        } else {
            HostBlocks ours = new HostBlocks(mates, target, blocks);
            host.gather(source, ours.joined(), ours.blocks(), groups.place(root));
            ours.store();
            everybody.gather(target, blocks, remote);
        }
    }

    private Blocks hostBlocks(Blocks blocks) {
        return Blocks.of(IntStream.of(mates).mapToLong(blocks::count).toArray());
    }

    @Override
    public void scatter(@Nullable Elements source, Blocks blocks, Elements target, int root)
            throws CollectiveException {
        begin(Operation.SCATTER, target.type(), null, root);
        describe(blocks.total(), blocks.shape());
        if (remote.test(root)) {
            everybody.receive(target, root);
        } else if (source == null) {
            host.scatter(null, hostBlocks(blocks), target, groups.place(root));
        } else {
            everybody.scatter(source, blocks, remote);
            HostBlocks ours = new HostBlocks(mates, source, blocks).load();
            host.scatter(ours.joined(), ours.blocks(), target, groups.place(root));
        }
    }

    @Override
    public void allToAll(Elements source, Blocks sent, Elements target, Blocks received) throws CollectiveException {
        begin(Operation.ALL_TO_ALL, source.type(), null, -1);
        describe(Call.UNCOUNTED, 0);
        HostBlocks from = new HostBlocks(mates, source, sent).load();
        HostBlocks to = new HostBlocks(mates, target, received);
        host.allToAll(from.joined(), from.blocks(), to.joined(), to.blocks());
        to.store();
        everybody.allToAll(source, sent, target, received, remote);
    }

    @Override
    public void broadcast(Elements elements, int root) throws CollectiveException {
        begin(Operation.BROADCAST, elements.type(), null, root);
        describe(elements.count(), 0);
        int home = groups.of(root);
        if (home == group) {
            host.broadcast(elements, groups.place(root));
        }
        if (leads) {
            leaders.broadcast(elements, home);
        }
        if (home != group) {
            host.broadcast(elements, 0);
        }
    }

    @Override
    public void barrier() throws CollectiveException {
        begin(Operation.BARRIER, null, null, -1);
        describe(0, 0);
        host.barrier();
        if (leads) {
            leaders.barrier();
        }
        host.barrier();
    }

    @Override
    public void send(Elements source, int to, int tag) throws CollectiveException {
        if (remote.test(to)) {
            everybody.post(source, to, tag);
        } else {
            host.send(source, groups.place(to), tag);
        }
    }

    @Override
    public void receive(Elements target, int from, int tag) throws CollectiveException {
        if (remote.test(from)) {
            everybody.fetch(target, from, tag);
        } else {
            host.receive(target, groups.place(from), tag);
        }
    }

    @Override
    public void abort(String reason) {
        var unused = links.giveUp(Code.ABORTED, reason);
    }

    @Override
    public void close() {
        host.close();
        links.close();
    }
}
