// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceKernel;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * Operations among some ranks over their links, as parts of a call that was begun on the links. Members are numbered by their
 * places among the ranks; every member calls the same.
 *
 * <p>Threading: the rank's own.
 */
public final class LinkGroup {
    /** Up to this many members all lanes are opened at once, beyond it as they are needed. */
    static final int MAX_EAGER_MEMBERS = 32;

    private final Links links;
    private final Party party;
    private final SlicedReduction reduction;
    private final TreeReduction tree;
    private final BlockExchange copies;
    private final Mail mail;

    /**
     * Makes a group.
     *
     * @param ranks in ascending order; the mean of AVG is over all ranks of the links nevertheless
     */
    public LinkGroup(Links links, ReduceKernel kernel, int... ranks) {
        this.links = links;
        this.party = new Party(links, ranks);
        this.reduction = new SlicedReduction(party, kernel, links.self().size());
        this.tree = new TreeReduction(party, kernel, links.self().size());
        this.copies = new BlockExchange(party);
        this.mail = new Mail(links);
    }

    /** Opens lanes to all members, or, where they are many, to those that a barrier needs. */
    public void open() throws CollectiveException {
        List<Integer> ranks =
                firstLanes(party.me(), party.size()).stream().map(party::rank).toList();
        links.open(ranks, LaneStream.COLLECTIVE);
    }

    static List<Integer> firstLanes(int me, int size) {
        int[] distances = size <= MAX_EAGER_MEMBERS
                ? IntStream.range(1, size).toArray()
                : IntStream.iterate(1, distance -> distance < size, distance -> distance * 2)
                        .flatMap(distance -> IntStream.of(distance, size - distance))
                        .toArray();
        return Arrays.stream(distances)
                .map(distance -> (me + distance) % size)
                .distinct()
                .boxed()
                .toList();
    }

    /** Reduces all sources into every target; the source may be the target. */
    public void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        if (party.size() > MAX_EAGER_MEMBERS) {
            tree.allReduce(source, target, op);
        } else {
            reduction.allReduce(source, target, op);
        }
    }

    /**
     * Reduces all sources into the root's target.
     *
     * @param target of no interest elsewhere
     */
    public void reduce(Elements source, Elements target, ReduceOp op, int root) throws CollectiveException {
        reduction.reduce(source, target, op, root);
    }

    /** Reduces block {@code m} of all sources into the target of member {@code m}. */
    public void reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op) throws CollectiveException {
        reduction.reduceScatter(source, blocks, target, op);
    }

    /** Gathers the sources into every target; the source may be this member's block of it. */
    public void allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException {
        copies.allGather(source, target, blocks);
    }

    /** Copies the root's elements into those of all others. */
    public void broadcast(Elements elements, int root) throws CollectiveException {
        copies.broadcast(elements, root);
    }

    /** Returns once every member is here. */
    public void barrier() throws CollectiveException {
        copies.barrier();
    }

    /** Sends this member's block to the root, which gathers. */
    public void send(Elements source, int root) throws CollectiveException {
        copies.send(source, root);
    }

    /** Root: receives the blocks of the members that pass. */
    public void gather(Elements target, Blocks blocks, IntPredicate members) throws CollectiveException {
        copies.gather(target, blocks, members);
    }

    /** Root: hands their blocks to the members that pass. */
    public void scatter(Elements source, Blocks blocks, IntPredicate members) throws CollectiveException {
        copies.scatter(source, blocks, members);
    }

    /** Receives this member's block of the root, which scatters. */
    public void receive(Elements target, int root) throws CollectiveException {
        copies.receive(target, root);
    }

    /** Exchanges blocks with the other members that pass. */
    public void allToAll(Elements source, Blocks sent, Elements target, Blocks received, IntPredicate members)
            throws CollectiveException {
        copies.allToAll(source, sent, target, received, members);
    }

    /** Sends elements to a rank, with a tag. */
    public void post(Elements source, int to, int tag) throws CollectiveException {
        mail.send(source, to, tag);
    }

    /** Receives the elements that a rank sends with this tag. */
    public void fetch(Elements target, int from, int tag) throws CollectiveException {
        mail.receive(target, from, tag);
    }
}
