// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.gpu.collective.CallQueue.About;
import io.sparkmooncake.gpu.collective.CallQueue.Memory;
import io.sparkmooncake.gpu.driver.DeviceEvent;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.KernelModule;
import io.sparkmooncake.gpu.kernel.Way;
import io.sparkmooncake.gpu.memory.DevicePool;
import java.util.Objects;

/**
 * Long calls by copy engines: a barrier, each peer written after the other, rank + 1 first, so that each device is written by one at a
 * time, and a barrier. The ranks tell each other over the host where their memory is, since copies are queued by address. Where some
 * of it is not aligned to 64 KiB, kernels are faster, and copy instead.
 *
 * <p>Threading: one thread at a time.
 */
final class CopyEngines implements AutoCloseable {
    /** Enough to be done before the engines are, and few enough to leave the memory's bandwidth to them. */
    private static final int OWN_GRID = 32;

    private static final int OWN_BLOCK = 512;

    /** For memory between whose parts engines copy slower than kernels. */
    private static final Way BY_KERNEL = new Way(Way.Method.DIRECT, 0, 132, 512, 0);

    private final DeviceGroup group;
    private final CallQueue calls;
    private final int rank;
    private final int size;
    private final DeviceStream side;
    private final DeviceEvent fork;
    private final DeviceEvent joined;
    private final long[] mine = new long[2];
    private final long[] all;
    private final long[][] range = new long[3][1];
    private final KernelModule.Kernel copyRange;

    CopyEngines(DeviceGroup group, CallQueue calls) {
        this.group = group;
        this.calls = calls;
        this.rank = group.self.rank();
        this.size = group.self.size();
        this.side = group.device.stream();
        this.fork = group.device.event();
        this.joined = group.device.event();
        this.all = new long[2 * size];
        this.copyRange = group.kernels.kernel("copyRange", range);
    }

    /** Reduces this rank's slice into its target, and gives it to the others. */
    void allReduce(About about, Way way, Memory memory, DeviceStream stream) throws CollectiveException {
        DataType type = Objects.requireNonNull(about.type());
        long slice = about.count() * type.sizeBytes() / size;
        About scatter = new About(Operation.ALL_REDUCE, type, about.op(), -1, about.count() / size);
        long shift = rank * slice;
        Memory own =
                new Memory(memory.source(), memory.target() + shift, memory.ownSource(), memory.ownTarget() + shift);
        calls.launch("reduceScatterStaged" + DeviceCollectives.typeName(type), way, scatter, own, stream);
        tell(memory);
        if (!aligned(slice)) {
            Memory gathered = new Memory(
                    memory.target() + shift, memory.target(), memory.ownTarget() + shift, memory.ownTarget());
            calls.launch(
                    "allGather", BY_KERNEL, new About(Operation.ALL_GATHER, type, null, -1, slice), gathered, stream);
            return;
        }
        meet(stream);
        for (int k = 1; k < size; k++) {
            int other = (rank + k) % size;
            group.device.copy(target(other) + shift, memory.ownTarget() + shift, slice, stream);
        }
        meet(stream);
    }

    /** Gives blocks to all; this rank's own block is copied meanwhile, by a kernel. */
    void exchange(About about, Memory memory, DeviceStream stream) throws CollectiveException {
        boolean same = about.operation() == Operation.ALL_GATHER;
        long block = about.count();
        meet(stream);
        tell(memory);
        if (!aligned(block)) {
            calls.launch(same ? "allGather" : "allToAll", BY_KERNEL, about, memory, stream);
            return;
        }
        fork.record(stream);
        side.await(fork);
        long ownFrom = memory.ownSource() + (same ? 0 : rank * block);
        long ownTo = memory.ownTarget() + rank * block;
        if (ownFrom != ownTo) {
            range[0][0] = ownTo;
            range[1][0] = ownFrom;
            range[2][0] = block;
            copyRange.launch(OWN_GRID, OWN_BLOCK, side);
        }
        joined.record(side);
        for (int k = 1; k < size; k++) {
            int other = (rank + k) % size;
            long from = memory.ownSource() + (same ? 0 : other * block);
            group.device.copy(target(other) + rank * block, from, block, stream);
        }
        stream.await(joined);
        meet(stream);
    }

    /** All ranks find the same: whether engines copy at full speed between all of their memories. */
    private boolean aligned(long block) {
        long bits = block;
        for (long place : all) {
            bits |= CallLayout.offset(place);
        }
        return (bits & DevicePool.LONG_ALIGNMENT_BYTES - 1) == 0;
    }

    private void meet(DeviceStream stream) {
        calls.launch("barrier", DeviceCollectives.BARRIER, About.BARRIER, Memory.NONE, stream);
    }

    private void tell(Memory memory) throws CollectiveException {
        mine[0] = memory.source();
        mine[1] = memory.target();
        group.control.allGather(Elements.of(mine), Elements.of(all));
    }

    /** Returns where another rank's target is mapped here. */
    private long target(int other) {
        long place = all[2 * other + 1];
        return group.mappings.slot(CallLayout.slot(place))[other] + CallLayout.offset(place);
    }

    @Override
    public void close() {
        side.close();
        fork.close();
        joined.close();
    }
}
