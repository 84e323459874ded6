// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.shm.StepExchange;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import org.jspecify.annotations.Nullable;

/**
 * Reduction for all ranks, or for a root, in two ways. <i>Direct</i>, for what is short: one step, and whoever gets the result
 * reduces everything. <i>Sliced</i>: two steps for each chunk; every rank reduces its slice straight out of the others' windows and
 * publishes it over one of its operands there, then whoever gets the result gathers the others'.
 */
final class AllReduce {
    /** Where one step less outweighs reading the vectors of all ranks. Two ranks read as much either way. */
    private static final int DIRECT_BYTES = 4_096;

    private static final int DIRECT_BYTES_OF_TWO = 32 << 10;

    /**
     * Short vectors go round so much of a window: lines that just left the other rank's first-level cache are read at twice the
     * speed of those that are still in it.
     */
    private static final int SPREAD_BYTES = 256 << 10;

    private static final int SPREAD_FROM_BYTES = 1_024;

    /** Slices begin at multiples of it, which is a cache line of the widest type. */
    private static final int SLICE_ALIGNMENT = 8;

    private static final int PLACE_ALIGNMENT = 128;

    private final StepExchange exchange;
    private final RankOrder ranks;
    private final int windowBytes;

    AllReduce(StepExchange exchange, RankOrder ranks, int windowBytes) {
        this.exchange = exchange;
        this.ranks = ranks;
        this.windowBytes = windowBytes;
    }

    /** Reduces for all ranks. */
    void run(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        exchange.begin(Operation.ALL_REDUCE, source.type(), op, -1, source.count(), 0);
        run(source, op, target);
    }

    /** Reduces for the root, which alone has a target. */
    void runTo(int root, Elements source, @Nullable Elements target, ReduceOp op) throws CollectiveException {
        exchange.begin(Operation.REDUCE, source.type(), op, root, source.count(), 0);
        run(source, op, target);
    }

    private void run(Elements source, ReduceOp op, @Nullable Elements target) throws CollectiveException {
        DataType type = source.type();
        long count = source.count();
        int chunk = windowBytes / type.sizeBytes();
        int directBytes = exchange.self().size() == 2 ? DIRECT_BYTES_OF_TWO : DIRECT_BYTES;
        if (count <= Math.min(chunk, directBytes / type.sizeBytes())) {
            direct(source, target, op);
            return;
        }
        int n;
        for (long at = 0; at < count; at += n) {
            n = (int) Math.min(chunk, count - at);
            reduceSlice(source, target, op, at, n);
            exchange.stepInPlace();
            if (target != null) {
                gatherSlices(target, at, n);
            }
        }
    }

    private void direct(Elements source, @Nullable Elements target, ReduceOp op) throws CollectiveException {
        int count = (int) source.count();
        int place = place(count * source.type().sizeBytes()) / source.type().sizeBytes();
        source.copyTo(0, exchange.nextWindow(source.type()), place, count);
        exchange.step();
        for (int at = 0, n; at < count && target != null; at += n) {
            n = Math.min(RankOrder.BLOCK, count - at);
            ranks.reduceInto(op, source, target, at, place + at, n);
        }
    }

    /** Returns where in the next window, the same on all ranks, so many bytes go. */
    private int place(int bytes) {
        if (bytes < SPREAD_FROM_BYTES) {
            return 0;
        }
        int stride = (bytes + PLACE_ALIGNMENT - 1) & -PLACE_ALIGNMENT;
        int places = Math.max(1, Math.min(windowBytes, SPREAD_BYTES) / stride);
        return (int) (exchange.nextTurn() % places) * stride;
    }

    /** Lets the others read all of a chunk but this rank's slice, and reduces that. */
    private void reduceSlice(Elements source, @Nullable Elements target, ReduceOp op, long chunkAt, int chunk)
            throws CollectiveException {
        int start = sliceStart(chunk, exchange.self().rank());
        int end = sliceStart(chunk, exchange.self().rank() + 1);
        Elements window = exchange.nextWindow(source.type());
        source.copyTo(chunkAt, window, 0, start);
        source.copyTo(chunkAt + end, window, end, chunk - end);
        exchange.step();
        Elements published = exchange.window(heir(exchange.self().rank()), source.type());
        for (int at = start, n; at < end; at += n) {
            n = Math.min(RankOrder.BLOCK, end - at);
            if (target == null) {
                ranks.store(ranks.reduce(op, source, chunkAt + at, at, n), published, at, n);
            } else {
                ranks.reduceInto(op, source, target, chunkAt + at, at, n);
                target.copyTo(chunkAt + at, published, at, n);
            }
        }
    }

    private void gatherSlices(Elements target, long chunkAt, int chunk) {
        int size = exchange.self().size();
        for (int i = 1; i < size; i++) {
            int rank = (exchange.self().rank() + i) % size;
            int start = sliceStart(chunk, rank);
            int length = sliceStart(chunk, rank + 1) - start;
            exchange.window(heir(rank), target.type()).copyTo(start, target, chunkAt + start, length);
        }
    }

    /**
     * Returns whose window gets the result of a rank's slice, over the operand that the rank alone read there: its lines are in that
     * rank's cache, where those of another window would have to be taken from whoever read them last.
     */
    private int heir(int rank) {
        return (rank + 1) % exchange.self().size();
    }

    private int sliceStart(int chunk, int rank) {
        int size = exchange.self().size();
        return rank == size ? chunk : (int) ((long) chunk * rank / size) & -SLICE_ALIGNMENT;
    }
}
