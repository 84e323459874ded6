// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.gpu.collective.DeviceCollectives;
import io.sparkmooncake.gpu.driver.DeviceEvent;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.KernelModule;
import io.sparkmooncake.gpu.driver.PinnedMemory;
import io.sparkmooncake.gpu.memory.DeviceExtent;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * Times on the device's clock: a series queued behind a gate, so that no launch is in the figure; a series launched one after the other,
 * as a program does; and single calls on an idle stream; and of blocking calls of the communicator on the host's clock. Medians, of the
 * slowest rank. Every row is checked on fresh data first.
 */
final class Bench {
    private static final List<Operation> OPERATIONS = System.getenv("GPU_BENCH_BRIEF") != null
            ? List.of(Operation.ALL_REDUCE)
            : List.of(
                    Operation.ALL_REDUCE,
                    Operation.REDUCE_SCATTER,
                    Operation.ALL_GATHER,
                    Operation.BROADCAST,
                    Operation.ALL_TO_ALL);
    private static final long MIB = 1 << 20;
    private static final long MOST = 1L << 30;
    private static final int ROWS = 5;
    private static final int WARM_UP_SERIES = 200;
    private static final int WARM_UP_CALLS = 100;

    /** Where vectors begin in their region: as allocations of their own would. */
    private static final long OFFSET = number("GPU_BENCH_OFFSET", 2 * MIB);

    private static final long LEAST = number("GPU_BENCH_LEAST", 1024);

    private final GpuRank rank;
    private final DeviceStream stream;
    private final DeviceEvent begin;
    private final DeviceEvent end;
    private final PinnedMemory word;
    private final Reference reference;
    private final KernelModule.Kernel gate;
    private final long[] open = {0};
    private Communicator communicator;
    private DeviceCollectives queued;
    private DeviceElements source;
    private DeviceElements target;
    private boolean good = true;

    /** What is timed. */
    private interface Work {
        void run() throws Exception;
    }

    @SuppressWarnings("NullAway.Init") // set once the ranks have joined
    Bench(GpuRank rank) {
        this.rank = rank;
        this.stream = rank.device.stream();
        this.word = rank.device.pin(4096);
        this.reference = new Reference(rank.device);
        this.gate = reference
                .module()
                .kernel("gate", new long[] {word.deviceAddress()}, open, new long[] {10_000_000_000L});
        this.begin = rank.device.timer();
        this.end = rank.device.timer();
    }

    private static long number(String variable, long otherwise) {
        String set = System.getenv(variable);
        return set == null ? otherwise : Long.parseLong(set);
    }

    boolean run() throws Exception {
        try (DeviceExtent from = rank.take(MOST + 2 * OFFSET);
                DeviceExtent to = rank.take(MOST + 2 * OFFSET);
                GpuRank.Joined joined = rank.join(1, rank.size, Duration.ofSeconds(20))) {
            communicator = joined.communicator();
            queued = joined.fabric().queued();
            source = from.elements(DataType.FLOAT32, OFFSET, MOST / 4);
            target = to.elements(DataType.FLOAT32, OFFSET, MOST / 4);
            for (Operation operation : OPERATIONS) {
                warmUp(operation);
                for (long total = LEAST; total <= MOST; total *= 4) {
                    row(operation, total);
                }
            }
            joined.fabric().await(stream);
        }
        stream.close();
        begin.close();
        end.close();
        word.close();
        reference.close();
        return good;
    }

    /** Until what launches and waits is compiled; NCCL's side does as many calls. */
    private void warmUp(Operation operation) throws Exception {
        for (int i = 0; i < WARM_UP_SERIES; i++) {
            for (int call = 0; call < WARM_UP_CALLS; call++) {
                enqueue(operation, LEAST);
            }
            stream.synchronize(GpuRank.LIMIT);
        }
        for (int i = 0; i < WARM_UP_SERIES; i++) {
            call(operation, LEAST);
        }
    }

    private void row(Operation operation, long total) throws Exception {
        boolean whole = operation == Operation.ALL_REDUCE || operation == Operation.BROADCAST;
        long bytes = whole ? total : total / rank.size / 16 * 16;
        boolean right = rightly(operation, bytes);
        int times = total <= MIB ? 40 : total <= 64 * MIB ? 20 : 8;
        int singles = total <= 4 * MIB ? 30 : 8;
        double behindGate = slowest(queued(() -> enqueue(operation, bytes), times));
        double inRow = slowest(inRow(() -> enqueue(operation, bytes), times));
        double single = slowest(single(() -> enqueue(operation, bytes), singles));
        double blocking = slowest(blocking(() -> call(operation, bytes), singles));
        good &= right;
        if (rank.rank == 0) {
            GpuRank.OUT.printf(
                    java.util.Locale.ROOT,
                    "ours|%s|%d|%s|%.1f|%.1f|%.1f|%.1f|%s%n",
                    operation,
                    total,
                    queued.wayOf(operation, whole ? bytes : bytes * rank.size).describe(),
                    behindGate,
                    inRow,
                    single,
                    blocking,
                    right ? "yes" : "NO");
        }
    }

    private DeviceElements part(DeviceElements of, long bytes) {
        return of.slice(0, bytes / 4);
    }

    private void enqueue(Operation operation, long bytes) throws Exception {
        long all = bytes * rank.size;
        switch (operation) {
            case ALL_REDUCE -> queued.allReduce(part(source, bytes), part(target, bytes), ReduceOp.SUM, stream);
            case REDUCE_SCATTER -> queued.reduceScatter(part(source, all), part(target, bytes), ReduceOp.SUM, stream);
            case ALL_GATHER -> queued.allGather(part(source, bytes), part(target, all), stream);
            case BROADCAST -> queued.broadcast(part(target, bytes), 0, stream);
            default -> queued.allToAll(part(source, all), part(target, all), stream);
        }
    }

    private void call(Operation operation, long bytes) throws Exception {
        long all = bytes * rank.size;
        switch (operation) {
            case ALL_REDUCE -> communicator.allReduce(part(source, bytes), part(target, bytes), ReduceOp.SUM);
            case REDUCE_SCATTER -> communicator.reduceScatter(part(source, all), part(target, bytes), ReduceOp.SUM);
            case ALL_GATHER -> communicator.allGather(part(source, bytes), part(target, all));
            case BROADCAST -> communicator.broadcast(part(target, bytes), 0);
            default -> communicator.allToAll(part(source, all), part(target, all));
        }
    }

    private boolean rightly(Operation operation, long bytes) throws Exception {
        long before = reference.failures();
        long seed = bytes * 31 + operation.number();
        long each = bytes / 4;
        DeviceElements all = part(target, bytes * rank.size > MOST ? bytes : bytes * rank.size);
        reference.poison(all);
        switch (operation) {
            case ALL_REDUCE -> reference.fill(part(source, bytes), seed, rank.rank, ReduceOp.SUM);
            case REDUCE_SCATTER -> reference.fill(part(source, bytes * rank.size), seed, rank.rank, ReduceOp.SUM);
            case ALL_GATHER -> reference.fillData(part(source, bytes), seed, rank.rank);
            case ALL_TO_ALL -> reference.fillData(part(source, bytes * rank.size), seed, rank.rank);
            default -> reference.fillData(part(rank.rank == 0 ? target : source, bytes), seed, 0);
        }
        communicator.barrier();
        call(operation, bytes);
        switch (operation) {
            case ALL_REDUCE -> reference.expectReduced("bench", part(target, bytes), seed, rank.size, ReduceOp.SUM, 0);
            case REDUCE_SCATTER ->
                reference.expectReduced("bench", part(target, bytes), seed, rank.size, ReduceOp.SUM, rank.rank * each);
            case BROADCAST -> reference.expectData("bench", part(target, bytes), seed, 0, 0);
            default -> {
                for (int other = 0; other < rank.size; other++) {
                    long begin = operation == Operation.ALL_GATHER ? 0 : rank.rank * each;
                    reference.expectData("bench", target.slice(other * each, each), seed, other, begin);
                }
            }
        }
        double[] failures = {reference.failures() - before};
        communicator.allReduce(Elements.of(failures), Elements.of(failures), ReduceOp.MAX);
        if (reference.failures() > before) {
            rank.say("bench: %s of %d bytes: %s", operation, bytes, reference.firstFailure());
        }
        return failures[0] == 0;
    }

    private double slowest(double micros) throws Exception {
        double[] value = {micros};
        communicator.allReduce(Elements.of(value), Elements.of(value), ReduceOp.MAX);
        return value[0];
    }

    /** A series between two events: an event after each call would add 3 us to every one of them, ours and NCCL's alike. */
    private double queued(Work work, int times) throws Exception {
        double[] each = new double[ROWS];
        for (int row = 0; row < ROWS; row++) {
            work.run();
            stream.synchronize(GpuRank.LIMIT);
            communicator.barrier();
            open[0]++;
            gate.launch(1, 1, stream);
            work.run();
            each[row] = series(work, times, () -> {
                communicator.barrier();
                word.bytes().putLong(0, open[0]);
            });
        }
        return median(each);
    }

    private double inRow(Work work, int times) throws Exception {
        double[] each = new double[ROWS];
        for (int row = 0; row < ROWS; row++) {
            stream.synchronize(GpuRank.LIMIT);
            communicator.barrier();
            each[row] = series(work, times, () -> {});
        }
        return median(each);
    }

    private double series(Work work, int times, Work queued) throws Exception {
        begin.record(stream);
        for (int i = 0; i < times; i++) {
            work.run();
        }
        end.record(stream);
        queued.run();
        stream.synchronize(GpuRank.LIMIT);
        return end.microsSince(begin) / times;
    }

    private double single(Work work, int times) throws Exception {
        double[] each = new double[times];
        for (int i = 0; i < times; i++) {
            communicator.barrier();
            each[i] = series(work, 1, () -> {});
        }
        return median(each);
    }

    private double blocking(Work work, int times) throws Exception {
        double[] each = new double[times];
        for (int i = 0; i < times; i++) {
            communicator.barrier();
            long before = System.nanoTime();
            work.run();
            each[i] = (System.nanoTime() - before) / 1e3;
        }
        return median(each);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
