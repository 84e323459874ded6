// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.DeviceMemory;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.fabric.Subgroups;
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
 * The communicator over any fabric: checks what one rank can see to be wrong, lets one operation at a time onto the fabric, and
 * makes operations on objects and other communicators out of those on elements. Threading: see {@link Communicator}.
 */
public final class OrderedCommunicator implements Communicator {
    private final Fabric fabric;
    private final Membership self;
    private final int rank;
    private final int size;
    private final CallOrder calls;
    private final EvenBlocks even;
    private final SerializedObjects objects;
    private final DerivedGroups groups;
    private final Subgroups subgroups;
    private final Runnable onClose;
    private final DeviceMemory devices;

    /**
     * Takes a fabric over whose ranks have met.
     *
     * @param subgroups by which its ranks join others
     * @param onClose run once, when the communicator was closed
     */
    public OrderedCommunicator(Fabric fabric, Subgroups subgroups, Runnable onClose) {
        this(fabric, subgroups, onClose, fabric.deviceMemory());
    }

    private OrderedCommunicator(Fabric fabric, Subgroups subgroups, Runnable onClose, DeviceMemory devices) {
        this.fabric = fabric;
        this.subgroups = subgroups;
        this.devices = devices;
        this.self = fabric.self();
        this.rank = self.rank();
        this.size = self.size();
        this.calls = new CallOrder(fabric);
        this.even = new EvenBlocks(size);
        this.objects = new SerializedObjects(this);
        this.groups = new DerivedGroups(this, subgroups);
        this.onClose = onClose;
    }

    /** Returns the same communicator, which refuses memory of devices with this reason; this one is not used any more. */
    public OrderedCommunicator withoutDevices(String cause) {
        return new OrderedCommunicator(fabric, subgroups, onClose, DeviceMemory.none(cause));
    }

    @Override
    public Membership membership() {
        return self;
    }

    @Override
    public DeviceMemory deviceMemory() {
        return devices;
    }

    @Override
    public void requireWhole() throws CollectiveException {
        calls.requireOpen();
        fabric.requireWhole();
    }

    @Override
    public void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        Arguments.same(source, 1, target, 1);
        op.require(source.type());
        Arguments.reachable(devices, source, target);
        calls.enter();
        try {
            fabric.allReduce(source, target, op);
        } finally {
            calls.exit();
        }
    }

    @Override
    public void reduce(Elements source, @Nullable Elements target, ReduceOp op, int root) throws CollectiveException {
        Arguments.rank("root", root, size);
        op.require(source.type());
        Elements result = null;
        if (rank == root) {
            result = Arguments.ofRoot("target", target, root);
            Arguments.same(source, 1, result, 1);
        }
        Arguments.reachable(devices, source, result);
        calls.enter();
        try {
            fabric.reduce(source, result, op, root);
        } finally {
            calls.exit();
        }
    }

    @Override
    public void reduceScatter(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        Arguments.same(source, 1, target, size);
        reduceScatter(source, even.of(target.count()), target, op);
    }

    @Override
    public void reduceScatter(Elements source, Blocks blocks, Elements target, ReduceOp op) throws CollectiveException {
        Arguments.sameType(source, target);
        Arguments.whole("source", source, blocks, size);
        Arguments.block("target", target, blocks, rank, size);
        op.require(source.type());
        Arguments.reachable(devices, source, target);
        calls.enter();
        try {
            fabric.reduceScatter(source, blocks, target, op);
        } finally {
            calls.exit();
        }
    }

    @Override
    public void allGather(Elements source, Elements target) throws CollectiveException {
        Arguments.same(source, size, target, 1);
        allGather(source, target, even.of(source.count()));
    }

    @Override
    public void allGather(Elements source, Elements target, Blocks blocks) throws CollectiveException {
        Arguments.sameType(source, target);
        Arguments.block("source", source, blocks, rank, size);
        Arguments.whole("target", target, blocks, size);
        Arguments.reachable(devices, source, target);
        calls.enter();
        try {
            fabric.allGather(source, target, blocks);
        } finally {
            calls.exit();
        }
    }

    @Override
    public void gather(Elements source, @Nullable Elements target, int root) throws CollectiveException {
        Arguments.rank("root", root, size);
        if (rank == root) {
            Arguments.same(source, size, Arguments.ofRoot("target", target, root), 1);
        }
        gather(source, target, even.of(source.count()), root);
    }

    @Override
    public void gather(Elements source, @Nullable Elements target, Blocks blocks, int root) throws CollectiveException {
        Arguments.rank("root", root, size);
        Arguments.block("source", source, blocks, rank, size);
        Elements result = null;
        if (rank == root) {
            result = Arguments.ofRoot("target", target, root);
            Arguments.sameType(source, result);
            Arguments.whole("target", result, blocks, size);
        }
        Arguments.reachable(devices, source, result);
        calls.enter();
        try {
            fabric.gather(source, result, blocks, root);
        } finally {
            calls.exit();
        }
    }

    @Override
    public void scatter(@Nullable Elements source, Elements target, int root) throws CollectiveException {
        Arguments.rank("root", root, size);
        if (rank == root) {
            Arguments.same(Arguments.ofRoot("source", source, root), 1, target, size);
        }
        scatter(source, even.of(target.count()), target, root);
    }

    @Override
    public void scatter(@Nullable Elements source, Blocks blocks, Elements target, int root)
            throws CollectiveException {
        Arguments.rank("root", root, size);
        Arguments.block("target", target, blocks, rank, size);
        Elements whole = null;
        if (rank == root) {
            whole = Arguments.ofRoot("source", source, root);
            Arguments.sameType(whole, target);
            Arguments.whole("source", whole, blocks, size);
        }
        Arguments.reachable(devices, whole, target);
        calls.enter();
        try {
            fabric.scatter(whole, blocks, target, root);
        } finally {
            calls.exit();
        }
    }

    @Override
    public void allToAll(Elements source, Elements target) throws CollectiveException {
        Arguments.same(source, 1, target, 1);
        if (source.count() % size != 0) {
            throw new IllegalArgumentException("source=" + Arguments.describe(source, 1) + " does not divide into size="
                    + size + " blocks of one count");
        }
        Blocks blocks = even.of(source.count() / size);
        allToAll(source, blocks, target, blocks);
    }

    @Override
    public void allToAll(Elements source, Blocks sent, Elements target, Blocks received) throws CollectiveException {
        Arguments.sameType(source, target);
        Arguments.whole("source", source, sent, size);
        Arguments.whole("target", target, received, size);
        if (sent.count(rank) != received.count(rank)) {
            throw new IllegalArgumentException("rank=" + rank + " sends itself " + sent.count(rank)
                    + " elements and awaits " + received.count(rank));
        }
        Arguments.reachable(devices, source, target);
        calls.enter();
        try {
            fabric.allToAll(source, sent, target, received);
        } finally {
            calls.exit();
        }
    }

    @Override
    public void broadcast(Elements elements, int root) throws CollectiveException {
        Arguments.rank("root", root, size);
        Arguments.reachable(devices, elements, null);
        calls.enter();
        try {
            fabric.broadcast(elements, root);
        } finally {
            calls.exit();
        }
    }

    @Override
    public void barrier() throws CollectiveException {
        calls.enter();
        try {
            fabric.barrier();
        } finally {
            calls.exit();
        }
    }

    @Override
    public void send(Elements source, int to, int tag) throws CollectiveException {
        Arguments.message("to", to, tag, rank, size);
        Arguments.reachable(devices, source, null);
        calls.enter();
        try {
            fabric.send(source, to, tag);
        } finally {
            calls.exit();
        }
    }

    @Override
    public void receive(Elements target, int from, int tag) throws CollectiveException {
        Arguments.message("from", from, tag, rank, size);
        Arguments.reachable(devices, target, null);
        calls.enter();
        try {
            fabric.receive(target, from, tag);
        } finally {
            calls.exit();
        }
    }

    @Override
    public CompletableFuture<Void> async(Work work) throws CollectiveException {
        return calls.submit(work, this);
    }

    @Override
    public List<byte[]> allGatherBytes(byte[] bytes) throws CollectiveException {
        return objects.allGatherBytes(bytes);
    }

    @Override
    public <T extends Serializable> List<T> allGatherObjects(T object) throws CollectiveException {
        return objects.allGatherObjects(object);
    }

    @Override
    public <T extends Serializable> T allReduceObject(T object, BinaryOperator<T> op) throws CollectiveException {
        return objects.allReduceObject(object, op);
    }

    @Override
    public <T extends Serializable> T broadcastObject(@Nullable T object, int root) throws CollectiveException {
        Arguments.rank("root", root, size);
        return objects.broadcastObject(object, root);
    }

    @Override
    public Optional<Communicator> split(int color, int key) throws CollectiveException {
        return groups.split(color, key);
    }

    @Override
    public Communicator subset(int... ranks) throws CollectiveException {
        return groups.subset(ranks);
    }

    @Override
    public Communicator duplicate() throws CollectiveException {
        return groups.duplicate();
    }

    @Override
    public void abort(String reason) {
        calls.abort(reason);
    }

    @Override
    public void close() {
        if (calls.close()) {
            onClose.run();
        }
    }
}
