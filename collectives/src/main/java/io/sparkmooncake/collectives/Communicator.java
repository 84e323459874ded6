// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives;

import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BinaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * One rank's end of a group of ranks. All ranks call the same operations in the same order, with the same types, counts, blocks,
 * operations and roots; where they do not, all of them fail, naming both.
 *
 * <p>Operations return when this rank's result is there. They block, each wait for at most the communicator's timeout, and throw
 * {@link CollectiveException} when another rank fails, leaves, differs or is silent, and when this thread is interrupted, whose
 * interrupt is kept. After a failure the content of targets is undefined. Arguments that can be seen to be wrong here are an
 * {@link IllegalArgumentException} before anything is sent, and break nothing. Sources and targets are the caller's before and
 * after the call; they overlap only where an operation says so.
 *
 * <p>The same inputs, ranks and order give the same bits on every rank and in every run.
 *
 * <p>Threading: operations, {@link #async} among them, are for one thread at a time, a second one meanwhile is an
 * {@link IllegalStateException}; {@link #abort} and {@link #close} may be called from any.
 */
public interface Communicator extends AutoCloseable {
    /** The color of a rank that takes no part in what {@link #split} makes. */
    int NO_COLOR = -1;

    /** What {@link #async} runs. */
    @FunctionalInterface
    interface Work {
        /** Calls operations of the communicator; what it throws is the future's failure. */
        void run(Communicator communicator) throws Exception;
    }

    /** Returns this rank's place. */
    Membership membership();

    /** Returns the memory of this rank's device, which operations take as they take memory of the host; or why there is none. */
    DeviceMemory deviceMemory();

    /**
     * Throws what the communicator is broken with, as far as this process knows, for ranks that are busy with something else. Asks no
     * other process, and waits for nobody.
     */
    void requireWhole() throws CollectiveException;

    /**
     * Reduces the sources of all ranks, element by element, into every rank's target.
     *
     * @param source may be the target
     * @param target of the source's type and count
     */
    void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException;

    /**
     * Reduces the sources of all ranks, element by element, into the root's target.
     *
     * @param source may be the target
     * @param target of the source's type and count; null elsewhere than on the root
     */
    void reduce(Elements source, @Nullable Elements target, ReduceOp op, int root) throws CollectiveException;

    /**
     * Reduces block {@code r} of the sources of all ranks into the target of rank {@code r}.
     *
     * @param source {@code size} blocks of the target's count
     * @param target this rank's block of the result; may be this rank's block of the source
     */
    void reduceScatter(Elements source, Elements target, ReduceOp op) throws CollectiveException;

    /** Reduces as the other one, with blocks of different counts, which are the same on every rank. */
    void reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op) throws CollectiveException;

    /**
     * Gathers the sources of all ranks, in the order of ranks, into every rank's target.
     *
     * @param source of the same count on every rank; may be this rank's block of the target
     * @param target {@code size} blocks of the source's count
     */
    void allGather(Elements source, Elements target) throws CollectiveException;

    /** Gathers as the other one, with blocks of different counts, which are the same on every rank. */
    void allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException;

    /**
     * Gathers the sources of all ranks, in the order of ranks, into the root's target.
     *
     * @param source of the same count on every rank; may be the root's block of its target
     * @param target {@code size} blocks of the source's count; null elsewhere than on the root
     */
    void gather(Elements source, @Nullable Elements target, int root) throws CollectiveException;

    /** Gathers as the other one, with blocks of different counts, which are the same on every rank. */
    void gather(Elements source, @Nullable Elements target, Blocks blocks, int root) throws CollectiveException;

    /**
     * Hands block {@code r} of the root's source to rank {@code r}.
     *
     * @param source {@code size} blocks of the target's count; null elsewhere than on the root
     * @param target of the same count on every rank; may be the root's block of its source
     */
    void scatter(@Nullable Elements source, Elements target, int root) throws CollectiveException;

    /** Scatters as the other one, with blocks of different counts, which are the same on every rank. */
    void scatter(@Nullable Elements source, Blocks blocks, Elements target, int root) throws CollectiveException;

    /**
     * Hands block {@code r} of each source to rank {@code r}, whose target has them in the order of ranks.
     *
     * @param source {@code size} blocks of one count
     * @param target of the same count
     */
    void allToAll(Elements source, Elements target) throws CollectiveException;

    /**
     * Hands blocks to each other as the other one, of counts that each pair agrees on.
     *
     * @param sent how the source is cut: block {@code r} goes to rank {@code r}
     * @param received how the target is cut: block {@code r} comes from rank {@code r}, with the count that it sends
     */
    void allToAll(Elements source, Blocks sent, Elements target, Blocks received) throws CollectiveException;

    /** Copies the elements of the root into those of every other rank. */
    void broadcast(Elements elements, int root) throws CollectiveException;

    /** Returns once every rank has called it. */
    void barrier() throws CollectiveException;

    /**
     * Sends to one other rank, which receives it with the same tag, type and count; returns when the source may be changed, for
     * short ones before they are received. Not ordered with collective operations, but with what was sent to that rank before.
     *
     * @param tag from 0
     */
    void send(Elements source, int to, int tag) throws CollectiveException;

    /** Receives the oldest that the other rank has sent with this tag and that was not received yet. */
    void receive(Elements target, int from, int tag) throws CollectiveException;

    /**
     * Runs operations on the communicator's own thread. What was given to it runs in order, one at a time, before any operation
     * that a rank calls later; several may be waiting. The memory that it names is the caller's again when the future completes.
     *
     * @param work calls operations on the thread that runs it, and may add more work; what blocks later waits for as long as it runs
     * @return completes on the communicator's thread with what {@code work} threw, or with {@link CollectiveException} CLOSED when the
     *     communicator was closed before; cancelling it changes nothing
     */
    CompletableFuture<Void> async(Work work) throws CollectiveException;

    /**
     * Gathers bytes of any length, in the order of ranks, for every rank. Two calls of {@link #allGather}: int64 lengths, then int8.
     *
     * @return new arrays, one for each rank
     * @throws IllegalArgumentException on every rank alike when all together exceed 1 GiB
     */
    List<byte[]> allGatherBytes(byte[] bytes) throws CollectiveException;

    /**
     * Gathers objects, in the order of ranks, for every rank: {@link #allGatherBytes} of one Java serialization stream each. Classes
     * are found by the context class loader of the calling thread.
     *
     * @throws IllegalArgumentException when the object cannot be written, before anything is sent
     */
    <T extends Serializable> List<T> allGatherObjects(T object) throws CollectiveException;

    /**
     * Reduces objects in the order of ranks; every rank reduces all of them itself.
     *
     * @param op gives the same on every rank; may change and return its first operand
     */
    <T extends Serializable> T allReduceObject(T object, BinaryOperator<T> op) throws CollectiveException;

    /**
     * Copies the root's object to every rank: two calls of {@link #broadcast}, an int64 length, then int8 of one Java serialization
     * stream.
     *
     * @param object null elsewhere than on the root
     * @return the root's own object on the root, a copy elsewhere
     * @throws IllegalArgumentException on the root, before anything is sent, when the object cannot be written or exceeds 1 GiB
     */
    <T extends Serializable> T broadcastObject(@Nullable T object, int root) throws CollectiveException;

    /**
     * Makes communicators of the ranks that give the same color. Called by every rank; each then joins as if by name, and the new
     * ones know nothing of the others.
     *
     * @param color from 0, or {@link #NO_COLOR}
     * @param key by which the new ranks are ordered; those of one key by their rank here
     * @return the caller's, who closes it before or after this one; empty for {@link #NO_COLOR}
     */
    Optional<Communicator> split(int color, int key) throws CollectiveException;

    /**
     * Makes a communicator of some ranks, which alone call it; the others take no part and need not know.
     *
     * @param ranks the same list for each of them, this one's among them; its order is that of the new ranks
     * @return the caller's, who closes it before or after this one
     */
    Communicator subset(int... ranks) throws CollectiveException;

    /** Makes a communicator of the same ranks. Called by every rank; the caller closes it before or after this one. */
    Communicator duplicate() throws CollectiveException;

    /** Breaks the communicator on every rank, with this reason. Nothing happens when it is broken or closed already. */
    void abort(String reason);

    /**
     * Leaves. Ranks that go on without this one fail as {@link CollectiveException.Code#DESYNC}. Breaks an operation that is under
     * way in another thread, and what {@link #async} has not begun fails: await it first. Idempotent.
     */
    @Override
    void close();
}
