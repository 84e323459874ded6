// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.gpu.collective.DeviceFabric;
import io.sparkmooncake.gpu.memory.DeviceExtent;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.time.Duration;
import java.util.List;

/** The contract of operations on device memory: every operation, type and reduction, against independent kernels. */
final class Checks {
    private static final List<DataType> TYPES = List.of(
            DataType.FLOAT32,
            DataType.FLOAT64,
            DataType.FLOAT16,
            DataType.BFLOAT16,
            DataType.INT32,
            DataType.INT64,
            DataType.INT8,
            DataType.UINT8);
    /** For compute-sanitizer, which makes everything a hundred times slower. */
    private static final boolean BRIEF = System.getenv("GPU_BRIEF") != null;

    private static final long[] COUNTS = BRIEF ? new long[] {4_099} : new long[] {1, 37, 4_099, 65_541, 1_048_579};
    private static final long[][] OFFSETS = {{0, 0}, {3, 3}, {1, 2}};
    private static final long LONG_BYTES = 24L << 20;

    /** From here on a reduce-scatter goes through staging; see {@link io.sparkmooncake.gpu.kernel.WayChoice}. */
    private static final long STAGED_BYTES = 80L << 20;

    /** From here on copy engines take part. */
    private static final long ENGINES_BYTES = 256L << 20;

    private static final int PAD = 4096;
    private static final long ROOM = ENGINES_BYTES + 2 * PAD;

    private final GpuRank rank;
    private final Reference reference;
    private final DeviceExtent from;
    private final DeviceExtent to;
    private Communicator communicator;
    private DeviceFabric fabric;
    private long external;
    private long seed = 17;

    @SuppressWarnings("NullAway.Init") // set once the ranks have joined
    Checks(GpuRank rank) {
        this.rank = rank;
        this.reference = new Reference(rank.device);
        this.from = rank.take(ROOM);
        this.to = rank.take(ROOM);
    }

    boolean run() throws Exception {
        long begin = System.nanoTime();
        try (GpuRank.Joined joined = rank.join(1, rank.size, Duration.ofSeconds(20))) {
            communicator = joined.communicator();
            fabric = joined.fabric();
            rank.say("check: joined after %d ms", (System.nanoTime() - begin) / 1_000_000);
            for (DataType type : TYPES) {
                reductions(type);
                longReductions(type);
            }
            copies();
            unevenBlocks();
            roots();
            unshared();
            messages();
            mixture();
            rank.say(
                    "check: %d checks, %d failures, %d ms. %s",
                    reference.checks(),
                    reference.failures(),
                    (System.nanoTime() - begin) / 1_000_000,
                    reference.firstFailure());
        }
        rank.device.plain().free(external);
        boolean good = reference.failures() == 0;
        reference.close();
        from.close();
        to.close();
        return good;
    }

    private DeviceElements source(DataType type, long offset, long count) {
        return from.elements(type, PAD + offset * type.sizeBytes(), count);
    }

    private DeviceElements target(DataType type, long offset, long count) {
        return to.elements(type, PAD + offset * type.sizeBytes(), count);
    }

    private void reductions(DataType type) throws Exception {
        for (ReduceOp op : ReduceOp.values()) {
            for (long count : COUNTS) {
                boolean left = count > 5_000 && op != ReduceOp.SUM && op != ReduceOp.MIN;
                if (op.takes(type) && !left) {
                    for (long[] offset : OFFSETS) {
                        allReduce(type, op, count, offset, type == DataType.INT8);
                        allReduce(type, op, count, offset, true);
                        reduceScatter(type, op, count, offset);
                    }
                }
            }
        }
        if (BRIEF) {
            return;
        }
        long count = LONG_BYTES / type.sizeBytes() + 5;
        allReduce(type, ReduceOp.SUM, count, OFFSETS[0], false);
        allReduce(type, ReduceOp.SUM, count, OFFSETS[1], true);
        reduceScatter(type, ReduceOp.SUM, count / rank.size, OFFSETS[0]);
    }

    /** On 4 ranks copy engines, staging and direct, of every type: also where compute-sanitizer looks. */
    private void longReductions(DataType type) throws Exception {
        long whole = ENGINES_BYTES / type.sizeBytes();
        long share = STAGED_BYTES / type.sizeBytes() / rank.size;
        for (ReduceOp op : new ReduceOp[] {ReduceOp.SUM, ReduceOp.MAX}) {
            allReduce(type, op, whole, OFFSETS[0], op == ReduceOp.MAX);
            allReduce(type, op, whole / 8, OFFSETS[0], op == ReduceOp.SUM);
            allReduce(type, op, whole / 64, OFFSETS[0], op == ReduceOp.MAX);
            reduceScatter(type, op, share, OFFSETS[0]);
            reduceScatter(type, op, share / 8, OFFSETS[0]);
        }
    }

    private void allReduce(DataType type, ReduceOp op, long count, long[] offset, boolean inPlace) throws Exception {
        seed++;
        DeviceElements result = target(type, offset[1], count);
        reference.poison(result);
        DeviceElements operand = inPlace ? result : source(type, offset[0], count);
        reference.fill(operand, seed, rank.rank, op);
        communicator.allReduce(operand, result, op);
        reference.expectReduced("allReduce", result, seed, rank.size, op, 0);
    }

    private void reduceScatter(DataType type, ReduceOp op, long count, long[] offset) throws Exception {
        seed++;
        if (count * rank.size * type.sizeBytes() > ROOM - 2 * PAD) {
            return;
        }
        DeviceElements operand = source(type, offset[0], count * rank.size);
        DeviceElements result = target(type, offset[1], count);
        reference.poison(result);
        reference.fill(operand, seed, rank.rank, op);
        communicator.reduceScatter(operand, result, op);
        reference.expectReduced("reduceScatter", result, seed, rank.size, op, rank.rank * count);
    }

    private void copies() throws Exception {
        for (long count :
                BRIEF ? new long[] {17, 4099, 300_001} : new long[] {1, 3, 17, 1000, 4096, 4099, 65541, 3_000_001}) {
            for (long[] offset : new long[][] {{0, 0}, {3, 3}, {4, 8}, {1, 2}}) {
                copies(count, offset);
            }
        }
        copies((ENGINES_BYTES + rank.size - 1) / rank.size, OFFSETS[0]);
    }

    private void copies(long count, long[] offset) throws Exception {
        DataType type = DataType.UINT8;
        seed++;
        int root = (int) (count % rank.size);
        DeviceElements all = target(type, offset[1], count * rank.size);
        DeviceElements own = source(type, offset[0], count);
        reference.poison(all);
        reference.fillData(own, seed, rank.rank);
        communicator.allGather(own, all);
        expectBlocks("allGather", all, Blocks.even(rank.size, count));

        DeviceElements whole = source(type, offset[0], count * rank.size);
        reference.poison(all);
        reference.fillData(whole, seed, rank.rank);
        communicator.allToAll(whole, all);
        for (int other = 0; other < rank.size; other++) {
            reference.expectData("allToAll", all.slice(other * count, count), seed, other, rank.rank * count);
        }

        DeviceElements given = target(type, offset[1], count);
        reference.poison(given);
        if (rank.rank == root) {
            reference.fillData(given, seed, root);
        }
        communicator.broadcast(given, root);
        reference.expectData("broadcast", given, seed, root, 0);
    }

    private void expectBlocks(String what, DeviceElements all, Blocks blocks) {
        for (int other = 0; other < rank.size; other++) {
            reference.expectData(what, all.slice(blocks.start(other), blocks.count(other)), seed, other, 0);
        }
    }

    private Blocks uneven(int shift) {
        long[] counts = new long[rank.size];
        for (int other = 0; other < rank.size; other++) {
            counts[other] = other == shift % rank.size ? 0 : 1_000L + 37L * other + 11L * shift;
        }
        return Blocks.of(counts);
    }

    private void unevenBlocks() throws Exception {
        DataType type = DataType.FLOAT32;
        for (int shift = 0; shift < 5; shift++) {
            seed++;
            Blocks blocks = uneven(shift);
            DeviceElements own = source(type, 1, blocks.count(rank.rank));
            DeviceElements all = target(type, 3, blocks.total());
            reference.fillData(own, seed, rank.rank);
            communicator.allGather(own, all, blocks);
            expectBlocks("allGather of blocks", all, blocks);

            DeviceElements operand = source(type, 1, blocks.total());
            DeviceElements result = target(type, 2, blocks.count(rank.rank));
            reference.fill(operand, seed, rank.rank, ReduceOp.SUM);
            communicator.reduceScatter(operand, blocks, result, ReduceOp.SUM);
            if (result.count() > 0) {
                reference.poisonAround(result);
                reference.expectReduced(
                        "reduceScatter of blocks", result, seed, rank.size, ReduceOp.SUM, blocks.start(rank.rank));
            }
            blocksToEachOther(type, shift);
        }
    }

    /** Rank r sends 100 + 7 r + 3 s + shift elements to rank s. */
    private void blocksToEachOther(DataType type, int shift) throws Exception {
        long[] sent = new long[rank.size];
        long[] received = new long[rank.size];
        for (int other = 0; other < rank.size; other++) {
            sent[other] = 100L + 7L * rank.rank + 3L * other + shift;
            received[other] = 100L + 7L * other + 3L * rank.rank + shift;
        }
        Blocks out = Blocks.of(sent);
        Blocks in = Blocks.of(received);
        DeviceElements operand = source(type, 1, out.total());
        DeviceElements result = target(type, 3, in.total());
        reference.fillData(operand, seed, rank.rank);
        communicator.allToAll(operand, out, result, in);
        for (int other = 0; other < rank.size; other++) {
            long begin = 0;
            for (int before = 0; before < rank.rank; before++) {
                begin += 100L + 7L * other + 3L * before + shift;
            }
            reference.expectData(
                    "allToAll of blocks", result.slice(in.start(other), in.count(other)), seed, other, begin);
        }
    }

    private void roots() throws Exception {
        DataType type = DataType.INT32;
        for (int root = 0; root < rank.size; root++) {
            seed++;
            boolean mine = root == rank.rank;
            DeviceElements operand = source(type, 0, 10_000);
            DeviceElements result = target(type, 1, 10_000);
            reference.poison(result);
            reference.fill(operand, seed, rank.rank, ReduceOp.SUM);
            communicator.reduce(operand, mine ? result : null, ReduceOp.SUM, root);
            if (mine) {
                reference.expectReduced("reduce", result, seed, rank.size, ReduceOp.SUM, 0);
            }
            Blocks blocks = uneven(root);
            DeviceElements own = source(type, 1, blocks.count(rank.rank));
            DeviceElements all = target(type, 3, blocks.total());
            reference.fillData(own, seed, rank.rank);
            communicator.gather(own, mine ? all : null, blocks, root);
            if (mine) {
                expectBlocks("gather", all, blocks);
                reference.fillData(all, seed, root);
            }
            DeviceElements part = source(type, 2, blocks.count(rank.rank));
            communicator.scatter(mine ? all : null, blocks, part, root);
            reference.expectData("scatter", part, seed, root, blocks.start(rank.rank));
        }
    }

    /** Memory that no other rank maps passes through the staging region; too much of it is refused before anything is sent. */
    private void unshared() throws Exception {
        DataType type = DataType.FLOAT32;
        long bytes = 40L << 20;
        long address = rank.device.plain().allocate(bytes);
        DeviceElements all = new DeviceElements(
                type, bytes / 4, address, rank.device.identity().location());
        for (long count : new long[] {1000, 200_000, 3_000_000}) {
            seed++;
            DeviceElements part = all.slice(64, count);
            reference.poison(part);
            reference.fill(part, seed, rank.rank, ReduceOp.SUM);
            communicator.allReduce(part, part, ReduceOp.SUM);
            reference.expectReduced("allReduce of memory that is not shared", part, seed, rank.size, ReduceOp.SUM, 0);
        }
        if (rank.size > 1) {
            try {
                communicator.allReduce(all, all, ReduceOp.SUM);
                throw new AssertionError("memory that cannot be staged was taken");
            } catch (IllegalArgumentException refused) {
                rank.say("check: refused as it should be: %s", refused.toString());
            }
        }
        external = address;
        fabric.share(List.of(DeviceRegion.external(rank.device, address + 4096)));
        DeviceElements most = all.slice(64, all.count() - 128);
        seed++;
        reference.fill(most, seed, rank.rank, ReduceOp.SUM);
        communicator.allReduce(most, most, ReduceOp.SUM);
        reference.poisonAround(most);
        reference.expectReduced("allReduce of memory shared later", most, seed, rank.size, ReduceOp.SUM, 0);
        long[] host = {rank.rank};
        communicator.allReduce(Elements.of(host), Elements.of(host), ReduceOp.SUM);
        if (host[0] != rank.size * (rank.size - 1L) / 2) {
            throw new AssertionError("host memory through the same communicator: " + host[0]);
        }
    }

    private void messages() throws Exception {
        if (rank.size == 1) {
            return;
        }
        seed++;
        DeviceElements elements = source(DataType.INT64, 0, 700_000);
        if (rank.rank == 0) {
            reference.fillData(elements, seed, 0);
            communicator.send(elements, 1, 5);
        } else if (rank.rank == 1) {
            communicator.receive(elements, 0, 5);
            reference.expectData("receive", elements, seed, 0, 0);
        }
    }

    /** Calls of different kinds in a row, which show a word that is written too early. */
    private void mixture() throws Exception {
        DataType type = DataType.INT32;
        int rounds = BRIEF ? 20 : 400;
        long each = 3_000;
        seed++;
        for (int round = 0; round < rounds; round++) {
            long at = round % 40 * 32_768L;
            DeviceElements operand = source(type, at, each);
            int root = round % rank.size;
            DeviceElements result = target(type, at, each * rank.size);
            switch ((int) ((round * 2654435761L) >>> 7) % 4) {
                case 0 -> {
                    reference.fill(operand, seed + round, rank.rank, ReduceOp.SUM);
                    communicator.allReduce(operand, result.slice(0, each), ReduceOp.SUM);
                    reference.poisonAround(result.slice(0, each));
                    reference.expectReduced("mixture", result.slice(0, each), seed + round, rank.size, ReduceOp.SUM, 0);
                }
                case 1 -> {
                    reference.fillData(operand, seed, rank.rank);
                    communicator.allGather(operand, result);
                    expectBlocks("mixture", result, Blocks.even(rank.size, each));
                }
                case 2 -> {
                    if (root == rank.rank) {
                        reference.fillData(operand, seed, root);
                    }
                    communicator.broadcast(operand, root);
                    reference.expectData("mixture", operand, seed, root, 0);
                }
                default -> communicator.barrier();
            }
        }
    }
}
