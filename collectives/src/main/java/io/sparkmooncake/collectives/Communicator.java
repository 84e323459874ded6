// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives;

import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;

/**
 * One rank's end of a group of ranks. All ranks call the same operations in the same order, with the same types, counts,
 * operations and roots; where they do not, all of them fail, naming both.
 *
 * <p>Operations return when this rank's result is there. They block, each wait for at most the communicator's timeout, and throw
 * {@link CollectiveException} when another rank fails, leaves, differs or is silent, and when this thread is interrupted, whose
 * interrupt is kept. After a failure the content of targets is undefined. Sources and targets are the caller's before and after
 * the call; a source may be its own target where both have the same count, and overlaps nothing otherwise.
 *
 * <p>The same inputs, ranks and order give the same bits on every rank and in every run.
 *
 * <p>Threading: operations are for one thread at a time, a second one meanwhile is an {@link IllegalStateException};
 * {@link #abort} and {@link #close} may be called from any.
 */
public interface Communicator extends AutoCloseable {
    /** Returns this rank's place. */
    Membership membership();

    /**
     * Reduces the sources of all ranks, element by element, into every rank's target.
     *
     * @param source may be the target
     * @param target of the source's type and count
     */
    void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException;

    /**
     * Reduces block {@code r} of the sources of all ranks into the target of rank {@code r}.
     *
     * @param source {@code size} blocks of the target's count
     * @param target this rank's block of the result
     */
    void reduceScatter(Elements source, Elements target, ReduceOp op) throws CollectiveException;

    /**
     * Gathers the sources of all ranks, in the order of ranks, into every rank's target.
     *
     * @param source of the same count on every rank
     * @param target {@code size} blocks of the source's count
     */
    void allGather(Elements source, Elements target) throws CollectiveException;

    /** Copies the elements of the root into those of every other rank. */
    void broadcast(Elements elements, int root) throws CollectiveException;

    /** Returns once every rank has called it. */
    void barrier() throws CollectiveException;

    /** Breaks the communicator on every rank, with this reason. Nothing happens when it is broken or closed already. */
    void abort(String reason);

    /**
     * Leaves. Ranks that go on without this one fail as {@link CollectiveException.Code#DESYNC}. Breaks an operation that is under
     * way in another thread. Idempotent.
     */
    @Override
    void close();
}
