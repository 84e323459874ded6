// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Call;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.time.Duration;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A fabric whose ranks share no memory with each other: every one exchanges messages with every other.
 *
 * <p>Threading: see {@link Fabric}.
 */
public final class LinkFabric implements Fabric {
    private final Links links;
    private final Membership self;
    private final LinkGroup all;

    /** Takes links over; {@link #meet} comes before any operation. */
    public LinkFabric(Links links, ReduceKernel kernel) {
        this.links = links;
        this.self = links.self();
        this.all = new LinkGroup(links, kernel, IntStream.range(0, self.size()).toArray());
    }

    /** Returns once every rank is here, each of whose lanes was proved; waits for each for at most this long. */
    public void meet(Duration patience) throws CollectiveException {
        links.patience(patience);
        links.begin(Operation.JOIN, null, null, -1);
        links.describe(self.size(), 0);
        all.open();
        all.barrier();
        links.patience(links.timeout());
    }

    @Override
    public Membership self() {
        return self;
    }

    @Override
    public void requireWhole() throws CollectiveException {
        links.throwIfBroken();
    }

    @Override
    public void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        links.begin(Operation.ALL_REDUCE, source.type(), op, -1);
        links.describe(source.count(), 0);
        all.allReduce(source, target, op);
    }

    @Override
    public void reduce(Elements source, @Nullable Elements target, ReduceOp op, int root) throws CollectiveException {
        links.begin(Operation.REDUCE, source.type(), op, root);
        links.describe(source.count(), 0);
        all.reduce(source, target == null ? source : target, op, root);
    }

    @Override
    public void reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op) throws CollectiveException {
        links.begin(Operation.REDUCE_SCATTER, source.type(), op, -1);
        links.describe(blocks.total(), blocks.shape());
        all.reduceScatter(source, blocks, target, op);
    }

    @Override
    public void allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException {
        links.begin(Operation.ALL_GATHER, source.type(), null, -1);
        links.describe(blocks.total(), blocks.shape());
        all.allGather(source, target, blocks);
    }

    @Override
    public void gather(Elements source, @Nullable Elements target, Blocks blocks, int root) throws CollectiveException {
        links.begin(Operation.GATHER, source.type(), null, root);
        links.describe(blocks.total(), blocks.shape());
        if (target == null) {
            all.send(source, root);
        } else {
            source.copyTo(0, target, blocks.start(root), source.count());
            all.gather(target, blocks, member -> true);
        }
    }

    @Override
    public void scatter(@Nullable Elements source, Blocks blocks, Elements target, int root)
            throws CollectiveException {
        links.begin(Operation.SCATTER, target.type(), null, root);
        links.describe(blocks.total(), blocks.shape());
        if (source == null) {
            all.receive(target, root);
        } else {
            all.scatter(source, blocks, member -> true);
            source.copyTo(blocks.start(root), target, 0, target.count());
        }
    }

    @Override
    public void allToAll(Elements source, Blocks sent, Elements target, Blocks received) throws CollectiveException {
        links.begin(Operation.ALL_TO_ALL, source.type(), null, -1);
        links.describe(Call.UNCOUNTED, 0);
        int me = self.rank();
        source.copyTo(sent.start(me), target, received.start(me), sent.count(me));
        all.allToAll(source, sent, target, received, member -> true);
    }

    @Override
    public void broadcast(Elements elements, int root) throws CollectiveException {
        links.begin(Operation.BROADCAST, elements.type(), null, root);
        links.describe(elements.count(), 0);
        all.broadcast(elements, root);
    }

    @Override
    public void barrier() throws CollectiveException {
        links.begin(Operation.BARRIER, null, null, -1);
        all.barrier();
    }

    @Override
    public void send(Elements source, int to, int tag) throws CollectiveException {
        all.post(source, to, tag);
    }

    @Override
    public void receive(Elements target, int from, int tag) throws CollectiveException {
        all.fetch(target, from, tag);
    }

    @Override
    public void abort(String reason) {
        var unused = links.giveUp(Code.ABORTED, reason);
    }

    @Override
    public void close() {
        links.close();
    }
}
