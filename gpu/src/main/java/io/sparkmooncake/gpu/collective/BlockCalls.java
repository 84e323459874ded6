// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.gpu.collective.CallQueue.About;
import io.sparkmooncake.gpu.kernel.Way;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Operations with a root, of blocks of different counts, and between two ranks, from what the others are made of: blocks are fetched by
 * one kernel, reductions to a root are all-reduces that the others forget, and messages pass through the host. They return when they
 * are done.
 *
 * <p>Threading: one thread at a time.
 */
final class BlockCalls {
    private static final int MESSAGE_BYTES = 4 << 20;
    private static final int COLUMNS = 3;
    private static final int BLOCK_BYTES_PER_GRID = 64 << 10;

    private final DeviceGroup group;
    private final CallQueue calls;
    private final DeviceCollectives queued;
    private final Completion completion;
    private final int rank;
    private final int size;
    private final long[] table;

    BlockCalls(DeviceGroup group, CallQueue calls, DeviceCollectives queued, Completion completion) {
        this.group = group;
        this.calls = calls;
        this.queued = queued;
        this.completion = completion;
        this.rank = group.self.rank();
        this.size = group.self.size();
        this.table = new long[COLUMNS * size];
    }

    /** Reduces in pieces that the staging region of who is not the root can take. */
    void reduce(DeviceElements source, @Nullable DeviceElements target, ReduceOp op, int root)
            throws CollectiveException {
        long half = group.slots.region(Slots.STAGING).sizeBytes() / 2;
        long piece = half / source.type().sizeBytes();
        for (long at = 0; at < source.count(); at += piece) {
            long count = Math.min(piece, source.count() - at);
            DeviceElements into = target != null
                    ? target.slice(at, count)
                    : new DeviceElements(
                            source.type(),
                            count,
                            group.slots.region(Slots.STAGING).address() + half,
                            source.location());
            queued.allReduce(source.slice(at, count), into, op, group.stream);
        }
        completion.await(group.stream, "REDUCE");
    }

    void reduceScatter(DeviceElements source, Blocks blocks, DeviceElements target, ReduceOp op)
            throws CollectiveException {
        for (int other = 0; other < size; other++) {
            DeviceElements block = source.slice(blocks.start(other), blocks.count(other));
            reduce(block, other == rank ? target : null, op, other);
        }
    }

    /** Gathers on the root, or on all where there is none. */
    void gather(DeviceElements source, @Nullable DeviceElements target, Blocks blocks, int root)
            throws CollectiveException {
        int bytes = source.type().sizeBytes();
        for (int other = 0; other < size; other++) {
            row(other, blocks.start(other) * bytes, 0, target == null ? 0 : blocks.count(other) * bytes);
        }
        Operation operation = root < 0 ? Operation.ALL_GATHER : Operation.GATHER;
        fetch(new About(operation, source.type(), null, root, blocks.total()), source, target, blocks.total() * bytes);
    }

    void scatter(@Nullable DeviceElements source, Blocks blocks, DeviceElements target, int root)
            throws CollectiveException {
        int bytes = target.type().sizeBytes();
        for (int other = 0; other < size; other++) {
            long length = other == root ? blocks.count(rank) * bytes : 0;
            row(other, 0, blocks.start(rank) * bytes, length);
        }
        fetch(
                new About(Operation.SCATTER, target.type(), null, root, blocks.total()),
                source,
                target,
                blocks.total() * bytes);
    }

    /** The ranks tell each other where their blocks begin, since each has its own. */
    void allToAll(DeviceElements source, Blocks sent, DeviceElements target, Blocks received)
            throws CollectiveException {
        long[] mine = new long[size + 1];
        for (int other = 0; other < size; other++) {
            mine[other] = sent.start(other) << 1 | (sent.shape() == 0 && received.shape() == 0 ? 0 : 1);
        }
        mine[size] = source.count();
        long[] all = new long[(size + 1) * size];
        group.control.allGather(Elements.of(mine), Elements.of(all));
        boolean even = true;
        long most = 0;
        for (int other = 0; other < size; other++) {
            even &= (all[other * (size + 1)] & 1) == 0 && all[other * (size + 1) + size] == source.count();
            most = Math.max(most, all[other * (size + 1) + size]);
        }
        if (even) {
            queued.allToAll(source, target, group.stream);
            completion.await(group.stream, "ALL_TO_ALL");
            return;
        }
        int bytes = source.type().sizeBytes();
        for (int other = 0; other < size; other++) {
            long begin = all[other * (size + 1) + rank] >>> 1;
            row(other, received.start(other) * bytes, begin * bytes, received.count(other) * bytes);
        }
        fetch(new About(Operation.ALL_TO_ALL, source.type(), null, -1, most), source, target, most * bytes);
    }

    private void row(int other, long intoTarget, long fromSource, long bytes) {
        table[other * COLUMNS] = intoTarget;
        table[other * COLUMNS + 1] = fromSource;
        table[other * COLUMNS + 2] = bytes;
    }

    /** Fetches by the table; the kernel reads it from pinned memory, and is awaited before it is written again. */
    private void fetch(About about, @Nullable DeviceElements source, @Nullable DeviceElements target, long bytes)
            throws CollectiveException {
        ByteBuffer pinned = group.pinned.bytes();
        for (int i = 0; i < table.length; i++) {
            pinned.putLong(DeviceGroup.TABLE_OFFSET + i * Long.BYTES, table[i]);
        }
        int grid = (int) Math.max(1, Math.min(132, bytes / BLOCK_BYTES_PER_GRID));
        Way way = new Way(Way.Method.DIRECT, 0, grid, 512, 0).shared(group.ranksOnOneDevice());
        DeviceElements nothing = new DeviceElements(
                io.sparkmooncake.collectives.spi.DataType.INT8,
                0,
                group.slots.region(Slots.STAGING).address(),
                group.device.identity().location());
        DeviceCollectives.Staged staged =
                queued.place(source == null ? nothing : source, target == null ? nothing : target, way, group.stream);
        calls.launch("fetchBlocks", way, about, staged.memory(), group.stream);
        staged.copyBack(group.stream);
        completion.await(group.stream, about.operation().name());
    }

    void send(DeviceElements source, int to, int tag) throws CollectiveException {
        byte[] piece = new byte[(int) Math.min(MESSAGE_BYTES, Math.max(1, source.sizeBytes()))];
        ByteBuffer direct = ByteBuffer.allocateDirect(piece.length);
        for (long at = 0; at < source.sizeBytes(); at += MESSAGE_BYTES) {
            int length = (int) Math.min(MESSAGE_BYTES, source.sizeBytes() - at);
            group.device.read(direct.clear().limit(length), source.address() + at);
            direct.clear().get(piece, 0, length);
            group.control.send(Elements.of(piece, 0, length), to, tag);
        }
    }

    void receive(DeviceElements target, int from, int tag) throws CollectiveException {
        byte[] piece = new byte[(int) Math.min(MESSAGE_BYTES, Math.max(1, target.sizeBytes()))];
        ByteBuffer direct = ByteBuffer.allocateDirect(piece.length);
        for (long at = 0; at < target.sizeBytes(); at += MESSAGE_BYTES) {
            int length = (int) Math.min(MESSAGE_BYTES, target.sizeBytes() - at);
            group.control.receive(Elements.of(piece, 0, length), from, tag);
            direct.clear().put(piece, 0, length).flip();
            group.device.write(target.address() + at, direct);
        }
    }
}
