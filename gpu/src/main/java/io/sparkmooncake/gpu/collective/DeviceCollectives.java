// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.gpu.collective.CallQueue.About;
import io.sparkmooncake.gpu.collective.CallQueue.Memory;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.kernel.Way;
import io.sparkmooncake.gpu.kernel.Way.Method;
import io.sparkmooncake.gpu.kernel.WayChoice;

/**
 * Operations on device memory that are queued in streams of the caller, and return before they are done. What a stream does next sees
 * their result; {@link DeviceFabric#await} tells whether they succeeded. All ranks call the same in the same order, whatever streams
 * they use: an operation begins on this device when the one before it is done.
 *
 * <p>Memory of regions that were there when the ranks joined, or were shared since, is used in place. Other memory of the device is
 * copied through a staging region, up to half of that.
 *
 * <p>Threading: one thread at a time, not beside an operation of the fabric.
 */
public final class DeviceCollectives {
    private static final int VECTOR_BYTES = 16;
    private static final int STAGED_DEPTH = 3;

    private final DeviceGroup group;
    private final CallQueue calls;
    private final CopyEngines engines;
    private final int size;
    private final int rank;
    private final int sharing;

    DeviceCollectives(DeviceGroup group, CallQueue calls) {
        this.group = group;
        this.calls = calls;
        this.size = group.self.size();
        this.rank = group.self.rank();
        this.sharing = group.ranksOnOneDevice();
        this.engines = new CopyEngines(group, calls);
    }

    void close() {
        engines.close();
    }

    /** Returns the way that a call of so many bytes takes, for tables. */
    public Way wayOf(Operation operation, long bytes) {
        Way way = switch (operation) {
            case ALL_REDUCE -> WayChoice.allReduce(bytes, size);
            case REDUCE_SCATTER -> WayChoice.reduceScatter(bytes, size);
            case BROADCAST -> WayChoice.broadcast(bytes, size);
            default -> WayChoice.exchange(bytes, size);
        };
        return bounded(way.shared(sharing));
    }

    /** Keeps chunks within the scratch region. */
    private Way bounded(Way way) {
        if (way.chunk() == 0) {
            return way;
        }
        long most = group.options.scratchBytes() / ((long) way.grid() * STAGED_DEPTH * size * VECTOR_BYTES);
        int chunk = (int) Math.max(1, Math.min(way.chunk(), most));
        return new Way(way.method(), way.variant(), way.grid(), way.block(), chunk);
    }

    /** Queues an all-reduce; see {@link io.sparkmooncake.collectives.Communicator#allReduce}. */
    public void allReduce(DeviceElements source, DeviceElements target, ReduceOp op, DeviceStream stream)
            throws CollectiveException {
        op.require(source.type());
        if (alone(source, target, stream)) {
            return;
        }
        Way way = wayOf(Operation.ALL_REDUCE, source.sizeBytes());
        About about = new About(Operation.ALL_REDUCE, source.type(), op, -1, source.count());
        Staged staged = place(source, target, way, stream);
        if (way.method() == Method.ENGINES) {
            engines.allReduce(about, way, staged.memory(), stream);
        } else {
            String kernel = switch (way.method()) {
                case LINES -> "allReduceOneShot";
                case DIRECT -> "allReduceTwoShot";
                default -> "allReduceStaged";
            };
            calls.launch(kernel + typeName(source.type()), way, about, staged.memory(), stream);
        }
        staged.copyBack(stream);
    }

    /** Queues a reduce-scatter; the source has a block of the target's count for each rank. */
    public void reduceScatter(DeviceElements source, DeviceElements target, ReduceOp op, DeviceStream stream)
            throws CollectiveException {
        op.require(source.type());
        if (alone(source, target, stream)) {
            return;
        }
        Way way = wayOf(Operation.REDUCE_SCATTER, source.sizeBytes());
        About about = new About(Operation.REDUCE_SCATTER, source.type(), op, -1, target.count());
        Staged staged = place(source, target, way, stream);
        String kernel = switch (way.method()) {
            case LINES -> "reduceScatterLines";
            case DIRECT -> "reduceScatter";
            default -> "reduceScatterStaged";
        };
        calls.launch(kernel + typeName(source.type()), way, about, staged.memory(), stream);
        staged.copyBack(stream);
    }

    /** Queues an all-gather; the target has a block of the source's count for each rank. */
    public void allGather(DeviceElements source, DeviceElements target, DeviceStream stream)
            throws CollectiveException {
        exchange(Operation.ALL_GATHER, source, target, stream);
    }

    /** Queues an all-to-all of blocks of one count. */
    public void allToAll(DeviceElements source, DeviceElements target, DeviceStream stream) throws CollectiveException {
        exchange(Operation.ALL_TO_ALL, source, target, stream);
    }

    private void exchange(Operation operation, DeviceElements source, DeviceElements target, DeviceStream stream)
            throws CollectiveException {
        if (alone(source, target, stream)) {
            return;
        }
        long block = target.sizeBytes() / size;
        Way way = wayOf(operation, target.sizeBytes());
        About about = new About(operation, source.type(), null, -1, block);
        Staged staged = place(source, target, way, stream);
        if (way.method() == Method.ENGINES) {
            engines.exchange(about, staged.memory(), stream);
        } else {
            String kernel = operation == Operation.ALL_GATHER ? "allGather" : "allToAll";
            calls.launch(kernel + (way.method() == Method.LINES ? "Lines" : ""), way, about, staged.memory(), stream);
        }
        staged.copyBack(stream);
    }

    /** Queues a broadcast of the root's elements. */
    public void broadcast(DeviceElements elements, int root, DeviceStream stream) throws CollectiveException {
        if (alone(elements, elements, stream)) {
            return;
        }
        Way way = wayOf(Operation.BROADCAST, elements.sizeBytes());
        About about = new About(Operation.BROADCAST, elements.type(), null, root, elements.sizeBytes());
        Staged staged = placeInPlace(elements, way, stream);
        calls.launch(
                way.method() == Method.LINES ? "broadcastLines" : "broadcast", way, about, staged.memory(), stream);
        if (rank != root) {
            staged.copyBack(stream);
        }
    }

    /** Queues a meeting: what follows in the stream begins after every rank came to it. */
    public void barrier(DeviceStream stream) {
        if (size > 1) {
            calls.launch("barrier", BARRIER, About.BARRIER, Memory.NONE, stream);
        }
    }

    static final Way BARRIER = new Way(Method.DIRECT, 0, 1, 128, 0);

    /** Does what needs no other rank: nothing for no elements, a copy for one rank. */
    private boolean alone(DeviceElements source, DeviceElements target, DeviceStream stream) {
        if (source.count() == 0 && target.count() == 0) {
            return true;
        }
        if (size > 1) {
            return false;
        }
        calls.follow(stream);
        if (source.address() != target.address()) {
            group.device.copy(target.address(), source.address(), target.sizeBytes(), stream);
        }
        calls.left(stream);
        return true;
    }

    /** Kernels know booleans as bytes. */
    static String typeName(DataType type) {
        return switch (type) {
            case INT8 -> "Int8";
            case UINT8, BOOLEAN -> "Uint8";
            case INT32 -> "Int32";
            case INT64 -> "Int64";
            case FLOAT16 -> "Float16";
            case BFLOAT16 -> "Bfloat16";
            case FLOAT32 -> "Float32";
            case FLOAT64 -> "Float64";
        };
    }

    /** Memory of a call, some of it perhaps in the staging region. */
    final class Staged {
        private final Memory memory;
        private final DeviceElements target;

        private Staged(Memory memory, DeviceElements target) {
            this.memory = memory;
            this.target = target;
        }

        Memory memory() {
            return memory;
        }

        void copyBack(DeviceStream stream) {
            if (memory.ownTarget() != target.address()) {
                group.device.copy(target.address(), memory.ownTarget(), target.sizeBytes(), stream);
                calls.left(stream);
            }
        }
    }

    Staged place(DeviceElements source, DeviceElements target, Way way, DeviceStream stream) {
        if (way.method() == Method.LINES) {
            return new Staged(new Memory(0, 0, source.address(), target.address()), target);
        }
        long half = group.slots.region(Slots.STAGING).sizeBytes() / 2;
        long from = group.slots.place(source.address(), source.sizeBytes());
        long to = group.slots.place(target.address(), target.sizeBytes());
        long ownSource = source.address();
        long ownTarget = target.address();
        if (from == Slots.NONE) {
            from = CallLayout.place(Slots.STAGING, 0);
            ownSource = stage(source, 0, half);
            calls.follow(stream);
            group.device.copy(ownSource, source.address(), source.sizeBytes(), stream);
        }
        if (to == Slots.NONE) {
            to = CallLayout.place(Slots.STAGING, half);
            ownTarget = stage(target, half, half);
        }
        return new Staged(new Memory(from, to, ownSource, ownTarget), target);
    }

    private Staged placeInPlace(DeviceElements elements, Way way, DeviceStream stream) {
        Staged staged = place(elements, elements, way, stream);
        Memory memory = staged.memory();
        return new Staged(
                new Memory(memory.source(), memory.source(), memory.ownSource(), memory.ownSource()), elements);
    }

    private long stage(Elements elements, long offset, long limit) {
        DeviceElements memory = (DeviceElements) elements;
        if (memory.sizeBytes() > limit) {
            throw new IllegalArgumentException("memory of bytes=" + memory.sizeBytes() + " at address=0x"
                    + Long.toHexString(memory.address()) + " on " + memory.location()
                    + " is in no region that the ranks share, and staging takes limit=" + limit
                    + ": take it from the pool before the ranks join, or share its region");
        }
        return group.slots.region(Slots.STAGING).address() + offset;
    }
}
