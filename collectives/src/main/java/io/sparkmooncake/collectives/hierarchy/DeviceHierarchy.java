// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.hierarchy;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.DeviceMemory;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Ranks with devices on several hosts. An all-reduce scatters its reduction over the devices of each host, exchanges the slices
 * between the hosts through host memory, and gathers them on the devices again; operands are taken host by host. Every other operation
 * on memory of devices goes through host memory as a whole, as does an all-reduce that is rounded at the end (16 bits, AVG).
 *
 * <p>Threading: see {@link Fabric}.
 */
public final class DeviceHierarchy implements Fabric {
    private final Parts parts;
    private final HostCopies copies;
    private final SharedAllocation memory;
    private volatile @Nullable CollectiveException failure;

    /**
     * What it is made of.
     *
     * @param all ranks, on host memory
     * @param near the ranks of this host, with their devices, in the order of ranks
     * @param far the ranks at this one's place of every host, on host memory
     */
    public record Parts(Communicator all, Communicator near, Communicator far) {
        private void abort(String reason) {
            near.abort(reason);
            far.abort(reason);
            all.abort(reason);
        }
    }

    /** Takes communicators over whose ranks have met. */
    public DeviceHierarchy(Parts parts) {
        this.parts = parts;
        this.copies = new HostCopies(parts.near.deviceMemory());
        this.memory = new SharedAllocation(parts.all, parts.near.deviceMemory());
    }

    /** A step of an operation. */
    @FunctionalInterface
    private interface Step {
        void run() throws CollectiveException;
    }

    /** Runs an operation; what fails in one part breaks all, and every rank throws what the communicator of all ranks broke with. */
    private void run(Step step) throws CollectiveException {
        CollectiveException broken = failure;
        if (broken != null) {
            throw new CollectiveException(broken.code(), Objects.toString(broken.getMessage(), ""), broken);
        }
        try {
            step.run();
        } catch (CollectiveException e) {
            parts.abort(Objects.toString(e.getMessage(), ""));
            failure = settled(e);
            throw failure;
        } catch (RuntimeException e) {
            // A device that fails here must not leave the others waiting for this rank.
            parts.abort(String.valueOf(e.getMessage()));
            failure = new CollectiveException(Code.ABORTED, String.valueOf(e.getMessage()), e);
            throw e;
        }
    }

    private CollectiveException settled(CollectiveException own) {
        boolean interrupted = Thread.interrupted();
        try {
            parts.all.barrier();
            return own;
        } catch (CollectiveException standing) {
            return standing.code() == Code.ABORTED
                    ? new CollectiveException(own.code(), text(standing), own)
                    : standing;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static String text(CollectiveException e) {
        return Objects.toString(e.getMessage(), "");
    }

    @Override
    public Membership self() {
        return parts.all.membership();
    }

    @Override
    public DeviceMemory deviceMemory() {
        return memory;
    }

    @Override
    public void requireWhole() throws CollectiveException {
        parts.all.requireWhole();
        parts.near.requireWhole();
        parts.far.requireWhole();
    }

    @Override
    public void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        boolean sliced = source instanceof DeviceElements
                && target instanceof DeviceElements
                && op != ReduceOp.AVG
                && source.type() == source.type().accumulator();
        if (!sliced) {
            run(() -> copies.through(source, target, parts.all::allReduce, op));
            return;
        }
        int devices = parts.near.membership().size();
        long slice = source.count() / devices;
        long whole = slice * devices;
        run(() -> {
            if (slice > 0) {
                Elements own = target.slice(slice * parts.near.membership().rank(), slice);
                parts.near.reduceScatter(source.slice(0, whole), own, op);
                copies.inPieces((DeviceElements) own, piece -> parts.far.allReduce(piece, piece, op));
                parts.near.allGather(own, target.slice(0, whole));
            }
            if (whole < source.count()) {
                long rest = source.count() - whole;
                copies.through(source.slice(whole, rest), target.slice(whole, rest), parts.all::allReduce, op);
            }
        });
    }

    @Override
    public void reduce(Elements source, @Nullable Elements target, ReduceOp op, int root) throws CollectiveException {
        run(() -> {
            Elements from = copies.onHost(source);
            Elements to = copies.likeOnHost(target);
            parts.all.reduce(from, to, op, root);
            copies.back(to, target);
        });
    }

    @Override
    public void reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op) throws CollectiveException {
        run(() -> {
            Elements to = Objects.requireNonNull(copies.likeOnHost(target));
            parts.all.reduceScatter(copies.onHost(source), blocks, to, op);
            copies.back(to, target);
        });
    }

    @Override
    public void allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException {
        run(() -> {
            Elements to = Objects.requireNonNull(copies.likeOnHost(target));
            parts.all.allGather(copies.onHost(source), to, blocks);
            copies.back(to, target);
        });
    }

    @Override
    public void gather(Elements source, @Nullable Elements target, Blocks blocks, int root) throws CollectiveException {
        run(() -> {
            Elements to = copies.likeOnHost(target);
            parts.all.gather(copies.onHost(source), to, blocks, root);
            copies.back(to, target);
        });
    }

    @Override
    public void scatter(@Nullable Elements source, Blocks blocks, Elements target, int root)
            throws CollectiveException {
        run(() -> {
            Elements to = Objects.requireNonNull(copies.likeOnHost(target));
            parts.all.scatter(source == null ? null : copies.onHost(source), blocks, to, root);
            copies.back(to, target);
        });
    }

    @Override
    public void allToAll(Elements source, Blocks sent, Elements target, Blocks received) throws CollectiveException {
        run(() -> {
            Elements to = Objects.requireNonNull(copies.likeOnHost(target));
            parts.all.allToAll(copies.onHost(source), sent, to, received);
            copies.back(to, target);
        });
    }

    @Override
    public void broadcast(Elements elements, int root) throws CollectiveException {
        run(() -> {
            Elements host = copies.onHost(elements);
            parts.all.broadcast(host, root);
            copies.back(host, elements);
        });
    }

    @Override
    public void barrier() throws CollectiveException {
        run(parts.all::barrier);
    }

    @Override
    public void send(Elements source, int to, int tag) throws CollectiveException {
        run(() -> parts.all.send(copies.onHost(source), to, tag));
    }

    @Override
    public void receive(Elements target, int from, int tag) throws CollectiveException {
        run(() -> {
            Elements to = Objects.requireNonNull(copies.likeOnHost(target));
            parts.all.receive(to, from, tag);
            copies.back(to, target);
        });
    }

    @Override
    public void abort(String reason) {
        parts.abort(reason);
    }

    @Override
    public void close() {
        parts.near.close();
        parts.far.close();
        parts.all.close();
    }
}
