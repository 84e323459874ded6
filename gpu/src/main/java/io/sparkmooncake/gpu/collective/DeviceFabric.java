// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

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
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.memory.DevicePool;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Ranks with a device each, or several on one, whose memories they map. Operations on memory of a device run there; those on memory of
 * the host go to the communicator that the ranks joined by. All ranks of a call give the same kind of memory.
 *
 * <p>Blocking operations use a stream of the fabric: what other streams write into their memory is done before. For work that is queued
 * see {@link #queued}.
 *
 * <p>Threading: see {@link Fabric}.
 */
public final class DeviceFabric implements Fabric {
    private final DeviceGroup group;
    private final Communicator control;
    private final CallQueue calls;
    private final DeviceCollectives queued;
    private final BlockCalls blocks;
    private final Completion completion;
    private final RankMemory memory;

    /**
     * How a group runs; the same on all ranks.
     *
     * @param timeout how long a kernel waits for other ranks before it ends with an error
     * @param kind of the group's own regions
     * @param scratchBytes of the region that staged reductions write to; more lets them use longer chunks
     * @param stagingBytes of the region for memory that is not shared, half for sources, half for targets
     */
    public record Options(Duration timeout, DeviceRegion.Kind kind, long scratchBytes, long stagingBytes) {
        /** A minute, plain memory, and 192 MiB of it. */
        public static final Options DEFAULT =
                new Options(Duration.ofSeconds(60), DeviceRegion.Kind.PLAIN, 128L << 20, 64L << 20);

        private static final long LEAST_BYTES = 4L << 20;

        /** Checks the ranges. */
        public Options {
            if (timeout.isNegative() || timeout.isZero()) {
                throw new IllegalArgumentException("timeout=" + timeout + " must be positive");
            }
            if (kind == DeviceRegion.Kind.EXTERNAL || scratchBytes < LEAST_BYTES || stagingBytes < LEAST_BYTES) {
                throw new IllegalArgumentException("kind=" + kind + " scratchBytes=" + scratchBytes + " stagingBytes="
                        + stagingBytes + ": PLAIN or VIRTUAL regions of at least " + LEAST_BYTES);
            }
        }
    }

    private DeviceFabric(DeviceGroup group, DevicePool pool) {
        this.group = group;
        this.control = group.control;
        this.calls = new CallQueue(group);
        this.queued = new DeviceCollectives(group, calls);
        this.completion = new Completion(group, calls);
        this.blocks = new BlockCalls(group, calls, queued, completion);
        this.memory = new RankMemory(group, pool);
    }

    /**
     * Joins the ranks of a communicator, each with its device. Every rank calls it; returns when every kernel is loaded on every device,
     * all memory is mapped, and what each rank wrote into every other's was read back there.
     *
     * @param control from now on the fabric's, which closes it, and nobody else uses it; stays the caller's when this fails
     * @param pool stays the caller's, open until the fabric is closed; its regions of now are mapped by all ranks
     * @throws CollectiveException REFUSED on every rank, with a row for each of them
     */
    public static DeviceFabric join(Communicator control, DevicePool pool, Options options) throws CollectiveException {
        return new DeviceFabric(DeviceGroup.join(control, pool, options), pool);
    }

    /** Returns the operations that are queued in streams of the caller. */
    public DeviceCollectives queued() {
        return queued;
    }

    /** Maps further regions of every rank, which may have different ones, or none. Every rank calls it, and keeps them open. */
    public void share(List<DeviceRegion> regions) throws CollectiveException {
        completion.requireWhole();
        group.share(regions);
    }

    /**
     * Waits until the operations that were queued in a stream are done.
     *
     * @throws CollectiveException when one of them failed, from then on for all
     */
    public void await(DeviceStream stream) throws CollectiveException {
        completion.await(stream, "queued operations");
    }

    @Override
    public Membership self() {
        return group.self;
    }

    /** Returns buffers of the pool that the group joined with. */
    @Override
    public DeviceMemory deviceMemory() {
        return memory;
    }

    @Override
    public void requireWhole() throws CollectiveException {
        completion.requireWhole();
        control.requireWhole();
    }

    /** True when the memory is a device's; refuses a mixture. */
    private boolean onDevice(@Nullable Elements source, @Nullable Elements target) {
        boolean device = source instanceof DeviceElements || target instanceof DeviceElements;
        boolean host = (source != null && !(source instanceof DeviceElements))
                || (target != null && !(target instanceof DeviceElements));
        if (device && host) {
            throw new IllegalArgumentException(
                    "source and target are both of the host or both of a device: copy one of them before");
        }
        for (Elements each : new Elements[] {source, target}) {
            if (each instanceof DeviceElements memory
                    && !memory.location().equals(group.device.identity().location())) {
                throw new IllegalArgumentException(
                        "elements are on " + memory.location() + ", and this rank's device is "
                                + group.device.identity().location());
            }
        }
        return device;
    }

    private void finish(String operation) throws CollectiveException {
        completion.await(group.stream, operation);
    }

    @Override
    public void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        if (!onDevice(source, target)) {
            control.allReduce(source, target, op);
            return;
        }
        completion.requireWhole();
        queued.allReduce((DeviceElements) source, (DeviceElements) target, op, group.stream);
        finish("ALL_REDUCE");
    }

    @Override
    public void reduce(Elements source, @Nullable Elements target, ReduceOp op, int root) throws CollectiveException {
        if (!onDevice(source, target)) {
            control.reduce(source, target, op, root);
            return;
        }
        completion.requireWhole();
        blocks.reduce((DeviceElements) source, (DeviceElements) target, op, root);
    }

    @Override
    public void reduceScatter(Elements source, Blocks cut, Elements target, ReduceOp op) throws CollectiveException {
        if (!onDevice(source, target)) {
            control.reduceScatter(source, cut, target, op);
            return;
        }
        completion.requireWhole();
        if (cut.shape() == 0) {
            queued.reduceScatter((DeviceElements) source, (DeviceElements) target, op, group.stream);
            finish("REDUCE_SCATTER");
        } else {
            blocks.reduceScatter((DeviceElements) source, cut, (DeviceElements) target, op);
        }
    }

    @Override
    public void allGather(Elements source, Elements target, Blocks cut) throws CollectiveException {
        if (!onDevice(source, target)) {
            control.allGather(source, target, cut);
            return;
        }
        completion.requireWhole();
        if (cut.shape() == 0) {
            queued.allGather((DeviceElements) source, (DeviceElements) target, group.stream);
            finish("ALL_GATHER");
        } else {
            blocks.gather((DeviceElements) source, (DeviceElements) target, cut, -1);
        }
    }

    @Override
    public void gather(Elements source, @Nullable Elements target, Blocks cut, int root) throws CollectiveException {
        if (!onDevice(source, target)) {
            control.gather(source, target, cut, root);
            return;
        }
        completion.requireWhole();
        blocks.gather((DeviceElements) source, (DeviceElements) target, cut, root);
    }

    @Override
    public void scatter(@Nullable Elements source, Blocks cut, Elements target, int root) throws CollectiveException {
        if (!onDevice(source, target)) {
            control.scatter(source, cut, target, root);
            return;
        }
        completion.requireWhole();
        blocks.scatter((DeviceElements) source, cut, (DeviceElements) target, root);
    }

    @Override
    public void allToAll(Elements source, Blocks sent, Elements target, Blocks received) throws CollectiveException {
        if (!onDevice(source, target)) {
            control.allToAll(source, sent, target, received);
            return;
        }
        completion.requireWhole();
        blocks.allToAll((DeviceElements) source, sent, (DeviceElements) target, received);
    }

    @Override
    public void broadcast(Elements elements, int root) throws CollectiveException {
        if (!onDevice(elements, null)) {
            control.broadcast(elements, root);
            return;
        }
        completion.requireWhole();
        queued.broadcast((DeviceElements) elements, root, group.stream);
        finish("BROADCAST");
    }

    @Override
    public void barrier() throws CollectiveException {
        completion.requireWhole();
        control.barrier();
    }

    @Override
    public void send(Elements source, int to, int tag) throws CollectiveException {
        if (source instanceof DeviceElements memory) {
            completion.requireWhole();
            blocks.send(memory, to, tag);
        } else {
            control.send(source, to, tag);
        }
    }

    @Override
    public void receive(Elements target, int from, int tag) throws CollectiveException {
        if (target instanceof DeviceElements memory) {
            completion.requireWhole();
            blocks.receive(memory, from, tag);
        } else {
            control.receive(target, from, tag);
        }
    }

    @Override
    public void abort(String reason) {
        completion.abort(Code.ABORTED, reason);
    }

    /** Leaves once every rank is done with its memory, or the communicator's deadline passed. */
    @Override
    public void close() {
        completion.leave();
        memory.close();
        queued.close();
        calls.close();
        group.close();
        control.close();
    }
}
