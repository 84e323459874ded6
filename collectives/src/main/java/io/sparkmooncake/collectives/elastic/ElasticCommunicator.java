// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.elastic;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BinaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * One rank's end of a group that may lose ranks and take them in again. Operations are those of {@link Communicator}, by the same
 * rules, with ranks, roots and blocks by the numbers of the membership however many are active. Each returns who took part.
 *
 * <p>When a rank is lost, is silent beyond the limits or closes, the others agree on who is left and repeat the operation among
 * themselves. Blocks of ranks that take no part are neither read nor written; AVG divides by the number of those that do. Every
 * rank that returns from an operation returns the same ranks and the same result, also one that is lost afterwards.
 *
 * <p>What it costs: a result goes to memory of its own first, as large as the largest result yet, and is copied to the target once
 * every rank has it, which takes a barrier more. So targets are untouched by a failure, and sources may be targets.
 *
 * <p>Errors are {@link CollectiveException} and final, but for a root that is not active: RANK_LOST on all ranks alike, after which
 * they go on. EXCLUDED says that the others went on without this rank: close it and {@link ElasticRendezvous#rejoin}.
 *
 * <p>Threading: operations by one thread at a time; {@link #abort} and {@link #close} by any.
 */
public final class ElasticCommunicator implements AutoCloseable {
    private final Membership membership;
    private final Agreement agreement;
    private final Generations generations;
    private final int rank;
    private final int size;
    private final ActiveBlocks memory = new ActiveBlocks();

    ElasticCommunicator(Membership membership, Agreement agreement, Generations generations) {
        this.membership = membership;
        this.agreement = agreement;
        this.generations = generations;
        this.rank = membership.rank();
        this.size = membership.size();
    }

    /** Returns this rank's place among all, active or not. */
    public Membership membership() {
        return membership;
    }

    /** Returns who is active as far as this rank knows. */
    public ActiveRanks active() {
        return generations.view().active();
    }

    /** Reduces the sources of the active ranks into every target. */
    public ActiveRanks allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        require(source.count() == target.count(), "source", source, "target", target);
        Elements result = memory.result(source.type(), source.count());
        return run((inner, active) -> inner.allReduce(source, result, op), active -> all(result, target));
    }

    /**
     * Reduces the sources of the active ranks into the root's target.
     *
     * @param target null elsewhere than on the root
     */
    public ActiveRanks reduce(Elements source, @Nullable Elements target, ReduceOp op, int root)
            throws CollectiveException {
        Elements into = ofRoot(target, root);
        Elements result = into == null ? null : memory.result(source.type(), source.count());
        return rooted(
                root,
                (inner, active) -> inner.reduce(source, result, op, active.index(root)),
                active -> all(result, into));
    }

    /** Reduces block {@code r} of the sources of the active ranks into the target of each active rank {@code r}. */
    public ActiveRanks reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op)
            throws CollectiveException {
        whole(source, blocks);
        block(target, blocks);
        Elements result = memory.result(target.type(), target.count());
        return run(
                (inner, active) -> inner.reduceScatter(
                        memory.compact(source, blocks, active), ActiveBlocks.of(blocks, active), result, op),
                active -> all(result, target));
    }

    /** Gathers the sources of the active ranks into every target, each into its rank's block. */
    public ActiveRanks allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException {
        block(source, blocks);
        whole(target, blocks);
        Elements result = memory.result(target.type(), blocks.total());
        return run(
                (inner, active) -> {
                    Blocks dense = ActiveBlocks.of(blocks, active);
                    inner.allGather(source, result.slice(0, dense.total()), dense);
                },
                active -> ActiveBlocks.expand(result, target, blocks, active));
    }

    /** Gathers blocks of one count. */
    public ActiveRanks allGather(Elements source, Elements target) throws CollectiveException {
        return allGather(source, target, Blocks.even(size, source.count()));
    }

    /**
     * Gathers the sources of the active ranks into the root's target, each into its rank's block.
     *
     * @param target null elsewhere than on the root
     */
    public ActiveRanks gather(Elements source, @Nullable Elements target, Blocks blocks, int root)
            throws CollectiveException {
        block(source, blocks);
        Elements into = ofRoot(target, root);
        if (into != null) {
            whole(into, blocks);
        }
        Elements result = into == null ? null : memory.result(source.type(), blocks.total());
        return rooted(
                root,
                (inner, active) -> {
                    Blocks dense = ActiveBlocks.of(blocks, active);
                    Elements all = result == null ? null : result.slice(0, dense.total());
                    inner.gather(source, all, dense, active.index(root));
                },
                active -> {
                    if (result != null && into != null) {
                        ActiveBlocks.expand(result, into, blocks, active);
                    }
                });
    }

    /**
     * Hands block {@code r} of the root's source to each active rank {@code r}.
     *
     * @param source null elsewhere than on the root
     */
    public ActiveRanks scatter(@Nullable Elements source, Blocks blocks, Elements target, int root)
            throws CollectiveException {
        block(target, blocks);
        Elements from = ofRoot(source, root);
        if (from != null) {
            whole(from, blocks);
        }
        Elements result = memory.result(target.type(), target.count());
        return rooted(
                root,
                (inner, active) -> inner.scatter(
                        from == null ? null : memory.compact(from, blocks, active),
                        ActiveBlocks.of(blocks, active),
                        result,
                        active.index(root)),
                active -> all(result, target));
    }

    /** Hands block {@code r} of each source to each active rank {@code r}. */
    public ActiveRanks allToAll(Elements source, Blocks sent, Elements target, Blocks received)
            throws CollectiveException {
        whole(source, sent);
        whole(target, received);
        Elements result = memory.result(target.type(), received.total());
        return run(
                (inner, active) -> {
                    Blocks dense = ActiveBlocks.of(received, active);
                    inner.allToAll(
                            memory.compact(source, sent, active),
                            ActiveBlocks.of(sent, active),
                            result.slice(0, dense.total()),
                            dense);
                },
                active -> ActiveBlocks.expand(result, target, received, active));
    }

    /** Copies the elements of the root into those of the other active ranks; the one operation whose target a failure may change. */
    public ActiveRanks broadcast(Elements elements, int root) throws CollectiveException {
        return rooted(root, (inner, active) -> inner.broadcast(elements, active.index(root)), active -> {});
    }

    /** Returns once every active rank has called it. */
    public ActiveRanks barrier() throws CollectiveException {
        return run((inner, active) -> {}, active -> {});
    }

    /** Gathers bytes of any length; the result has those of the active ranks by their rank. */
    public Agreed<SortedMap<Integer, byte[]>> allGatherBytes(byte[] bytes) throws CollectiveException {
        List<byte[]> found = new ArrayList<>();
        ActiveRanks active = run((inner, ranks) -> replace(found, inner.allGatherBytes(bytes)), ranks -> {});
        return new Agreed<>(byRank(found, active), active);
    }

    /** Gathers objects; the result has those of the active ranks by their rank. */
    public <T extends Serializable> Agreed<SortedMap<Integer, T>> allGatherObjects(T object)
            throws CollectiveException {
        List<T> found = new ArrayList<>();
        ActiveRanks active = run((inner, ranks) -> replace(found, inner.allGatherObjects(object)), ranks -> {});
        return new Agreed<>(byRank(found, active), active);
    }

    /** Reduces the objects of the active ranks in their order; see {@link Communicator#allReduceObject}. */
    public <T extends Serializable> Agreed<T> allReduceObject(T object, BinaryOperator<T> op)
            throws CollectiveException {
        List<T> found = new ArrayList<>();
        ActiveRanks active =
                run((inner, ranks) -> replace(found, List.of(inner.allReduceObject(object, op))), ranks -> {});
        return new Agreed<>(found.get(0), active);
    }

    /**
     * Copies the root's object to every active rank.
     *
     * @param object null elsewhere than on the root
     */
    public <T extends Serializable> Agreed<T> broadcastObject(@Nullable T object, int root) throws CollectiveException {
        List<T> found = new ArrayList<>();
        ActiveRanks active = rooted(
                root,
                (inner, ranks) -> replace(found, List.of(inner.broadcastObject(object, ranks.index(root)))),
                ranks -> {});
        return new Agreed<>(found.get(0), active);
    }

    /**
     * Takes in the ranks that ask to come back, now. Called by every active rank, like an operation; each gets the same answer to who
     * is active then. The lowest one asks the store who asks: nobody is taken in while the store is silent. Those that came do not
     * know what was done before: call an operation next that tells them, which is their first one.
     */
    public ActiveRanks readmit() throws CollectiveException {
        List<byte[]> found = new ArrayList<>();
        ActiveRanks before = run(
                (inner, active) -> {
                    boolean leads = active.index(rank) == 0;
                    byte[] asking = leads ? Member.encodeAll(agreement.askers(generations.view(), size)) : new byte[0];
                    replace(found, List.of(inner.broadcastObject(asking, 0)));
                },
                active -> {});
        List<Member> asking = Member.decodeAll(found.get(0));
        return asking.isEmpty() ? before : generations.admit(asking);
    }

    /** Breaks the group on every rank, with this reason; asks the store, and waits for it for some seconds at most. */
    public void abort(String reason) {
        generations.abort(reason);
    }

    /** Leaves; the others go on without this rank. Waits for the store for two seconds at most. Idempotent. */
    @Override
    public void close() {
        generations.close();
    }

    @FunctionalInterface
    private interface Run {
        void run(Communicator inner, ActiveRanks active) throws CollectiveException;
    }

    @FunctionalInterface
    private interface Commit {
        void to(ActiveRanks active);
    }

    private ActiveRanks run(Run run, Commit commit) throws CollectiveException {
        return rooted(-1, run, commit);
    }

    private ActiveRanks rooted(int root, Run run, Commit commit) throws CollectiveException {
        return generations.run(new Generations.Attempt() {
            @Override
            public void check(ActiveRanks active) throws CollectiveException {
                if (root >= 0 && !active.contains(root)) {
                    throw new CollectiveException(
                            Code.RANK_LOST,
                            "communicator=" + membership.communicator() + " epoch=" + membership.epoch() + ": root="
                                    + root
                                    + " is not active, active ranks are " + active
                                    + ". All active ranks must choose a root among them");
                }
            }

            @Override
            public void run(Communicator communicator, ActiveRanks active) throws CollectiveException {
                run.run(communicator, active);
            }

            @Override
            public void commit(ActiveRanks active) {
                commit.to(active);
            }
        });
    }

    private static <T> void replace(List<T> found, List<T> by) {
        found.clear();
        found.addAll(by);
    }

    private static <T> SortedMap<Integer, T> byRank(List<T> found, ActiveRanks active) {
        SortedMap<Integer, T> each = new TreeMap<>();
        for (int i = 0; i < found.size(); i++) {
            each.put(active.ranks().get(i), found.get(i));
        }
        return each;
    }

    private static void all(@Nullable Elements result, @Nullable Elements target) {
        if (result != null && target != null) {
            result.copyTo(0, target, 0, target.count());
        }
    }

    private @Nullable Elements ofRoot(@Nullable Elements elements, int root) {
        if (root < 0 || root >= size) {
            throw new IllegalArgumentException("root=" + root + " is none of size=" + size + " ranks");
        }
        if (rank == root && elements == null) {
            throw new IllegalArgumentException("root=" + root + " has no vector, which it must have");
        }
        return rank == root ? elements : null;
    }

    private void whole(Elements elements, Blocks blocks) {
        if (blocks.size() != size || elements.count() != blocks.total()) {
            throw new IllegalArgumentException("blocks=" + blocks + " do not cut count=" + elements.count()
                    + " elements into one block for each of size=" + size + " ranks");
        }
    }

    private void block(Elements elements, Blocks blocks) {
        if (blocks.size() != size || elements.count() != blocks.count(rank)) {
            throw new IllegalArgumentException("count=" + elements.count() + " is not block " + rank + " of blocks="
                    + blocks + " for size=" + size + " ranks");
        }
    }

    private static void require(boolean holds, String name, Elements first, String other, Elements second) {
        if (!holds || first.type() != second.type()) {
            throw new IllegalArgumentException(name + "=" + first.type().label() + "[" + first.count() + "] and "
                    + other + "=" + second.type().label() + "[" + second.count() + "] differ");
        }
    }
}
