// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.fabric;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.DeviceMemory;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import org.jspecify.annotations.Nullable;

/**
 * What runs the operations of one group of ranks over the memory that they share, over the engine's links, or over both. It gets
 * arguments that were checked on this rank (types, counts, blocks, roots, and that the operation takes the type), one operation at
 * a time, and in the same order on all ranks or finds out that they differ: then every rank fails as DESYNC, with both calls as
 * {@link Call} describes them. What callers may do is in {@link io.sparkmooncake.collectives.Communicator}.
 *
 * <p>Types of 16 bits are reduced in {@link io.sparkmooncake.collectives.spi.DataType#accumulator()} from the first operand to the
 * last and rounded once; AVG is divided once, by the number of all ranks, before that.
 *
 * <p>A fabric whose operation failed is broken on every rank, with one code and message: every wait ends by then, and every later
 * operation throws the same. Nothing is allocated in an operation once its kind was run before.
 *
 * <p>Threading: operations and {@link #close} by one thread at a time, with happens-before between them; {@link #abort} by any
 * thread until {@link #close} begins.
 */
public interface Fabric extends AutoCloseable {
    /** Returns this rank's place. */
    Membership self();

    /** Returns the memory of the rank's device; of none, with the reason, where the fabric is the host's. */
    default DeviceMemory deviceMemory() {
        return DeviceMemory.none("its ranks joined without devices");
    }

    /** Throws what the fabric is broken with, as far as this process knows; breaks it when a rank is known to be lost. Waits for nobody. */
    void requireWhole() throws CollectiveException;

    /** Reduces all sources into every target; the source may be the target. */
    void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException;

    /**
     * Reduces all sources into the root's target.
     *
     * @param target null elsewhere than on the root, where it may be the source
     */
    void reduce(Elements source, @Nullable Elements target, ReduceOp op, int root) throws CollectiveException;

    /** Reduces block {@code r} of all sources into the target of rank {@code r}; the target may be this rank's block of the source. */
    void reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op) throws CollectiveException;

    /** Gathers the sources into every target; the source may be this rank's block of it. */
    void allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException;

    /**
     * Gathers the sources into the root's target; the root's source may be its block of it.
     *
     * @param target null elsewhere than on the root
     */
    void gather(Elements source, @Nullable Elements target, Blocks blocks, int root) throws CollectiveException;

    /**
     * Hands block {@code r} of the root's source to rank {@code r}; the root's target may be its block of it.
     *
     * @param source null elsewhere than on the root
     */
    void scatter(@Nullable Elements source, Blocks blocks, Elements target, int root) throws CollectiveException;

    /**
     * Hands block {@code r} of each source to rank {@code r}, whose target has a block for each rank.
     *
     * @param sent how this rank's source is cut
     * @param received how its target is: block {@code r} has the count that rank {@code r} sends to this one
     */
    void allToAll(Elements source, Blocks sent, Elements target, Blocks received) throws CollectiveException;

    /** Copies the root's elements into those of all others. */
    void broadcast(Elements elements, int root) throws CollectiveException;

    /** Returns once every rank is here. */
    void barrier() throws CollectiveException;

    /**
     * Sends to one rank, which receives it with the same tag, type and count; returns when the source may be changed. Not ordered
     * with collective operations, but with what went to that rank before.
     */
    void send(Elements source, int to, int tag) throws CollectiveException;

    /** Receives what that rank sends with this tag. */
    void receive(Elements target, int from, int tag) throws CollectiveException;

    /** Breaks the fabric on every rank with this reason, and this rank's wait. Nothing happens when it is broken already. */
    void abort(String reason);

    /** Leaves, and gives all memory back. Once only. */
    @Override
    void close();
}
