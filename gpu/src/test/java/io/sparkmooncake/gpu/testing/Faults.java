// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.gpu.memory.DeviceExtent;
import java.time.Duration;
import java.util.Random;

/** A rank that dies or stands still, by the hand of {@link GpuChecks}, and many operations in a row. */
final class Faults {
    private static final Duration LIMIT = Duration.ofMillis(1_500);
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final int SOAK = 10_000;

    /** Ranks that a soak loses. */
    static final int KILLS = 3;

    private static final int OPERATIONS_BEFORE_KILL = 1_000;

    private final GpuRank rank;

    Faults(GpuRank rank) {
        this.rank = rank;
    }

    boolean soak() throws Exception {
        long begin = System.nanoTime();
        try (DeviceExtent memory = rank.take(128L << 20);
                Reference reference = new Reference(rank.device);
                GpuRank.Joined joined = rank.join(1, rank.size, PATIENCE)) {
            for (int call = 0; call < SOAK; call++) {
                operate(joined, memory, reference, call, rank.size);
            }
            return soaked(reference, begin);
        }
    }

    /** As {@link #soak}, while ranks are killed, the last one first, at moments that none of them knows: who is left joins anew and goes on. */
    boolean soakWithKills() throws Exception {
        long begin = System.nanoTime();
        int ranks = rank.size;
        int done = 0;
        try (DeviceExtent memory = rank.take(128L << 20);
                Reference reference = new Reference(rank.device)) {
            while (done < SOAK) {
                int killed = rank.size - ranks;
                try (GpuRank.Joined joined = rank.join(1 + killed, ranks, PATIENCE)) {
                    int first = least(joined, done);
                    for (done = first; done < SOAK; done++) {
                        if (rank.rank == 0 && killed < KILLS && done == first + OPERATIONS_BEFORE_KILL) {
                            rank.signals.set("soak-" + killed);
                        }
                        operate(joined, memory, reference, done, ranks);
                    }
                } catch (CollectiveException e) {
                    rank.say("soak: operation %d of %d ranks: %s", done, ranks, e.toString());
                    if (killed == KILLS || e.code() != CollectiveException.Code.RANK_LOST) {
                        return false;
                    }
                    ranks--;
                }
            }
            return soaked(reference, begin) && ranks == rank.size - KILLS;
        }
    }

    /** Who is told of a loss first may have done one operation less than the others. */
    private static int least(GpuRank.Joined joined, int done) throws CollectiveException {
        int[] least = {done};
        joined.communicator().allReduce(Elements.of(least), Elements.of(least), ReduceOp.MIN);
        return least[0];
    }

    private boolean soaked(Reference reference, long begin) {
        rank.say(
                "soak: %d operations in %d ms, %d checks, %d failures. %s",
                SOAK,
                (System.nanoTime() - begin) / 1_000_000,
                reference.checks(),
                reference.failures(),
                reference.firstFailure());
        return reference.failures() == 0;
    }

    private void operate(GpuRank.Joined joined, DeviceExtent memory, Reference reference, int call, int ranks)
            throws CollectiveException {
        Random sizes = new Random(4711L * call);
        long count = 1L + sizes.nextInt(call % 100 == 0 ? 4_000_000 : 40_000);
        DeviceElements all = memory.elements(DataType.FLOAT32, 4096, count * ranks);
        DeviceElements own = all.slice(rank.rank * count, count);
        int root = sizes.nextInt(ranks);
        boolean looked = call % 50 < 5;
        switch (call % 5) {
            case 0 -> {
                if (looked) {
                    reference.fill(own, call, rank.rank, ReduceOp.SUM);
                }
                joined.communicator().allReduce(own, own, ReduceOp.SUM);
                if (looked) {
                    reference.poisonAround(own);
                    reference.expectReduced("soak", own, call, ranks, ReduceOp.SUM, 0);
                }
            }
            case 1 -> {
                if (looked) {
                    reference.fillData(own, call, rank.rank);
                }
                joined.communicator().allGather(own, all);
                for (int other = 0; looked && other < ranks; other++) {
                    reference.expectData("soak", all.slice(other * count, count), call, other, 0);
                }
            }
            case 2 -> {
                if (looked && rank.rank == root) {
                    reference.fillData(all, call, root);
                }
                joined.communicator().broadcast(all, root);
                if (looked) {
                    reference.expectData("soak", all, call, root, 0);
                }
            }
            case 3 -> {
                if (looked) {
                    reference.fill(all, call, rank.rank, ReduceOp.MAX);
                }
                joined.communicator().reduceScatter(all, own, ReduceOp.MAX);
                if (looked) {
                    reference.poisonAround(own);
                    reference.expectReduced("soak", own, call, ranks, ReduceOp.MAX, rank.rank * count);
                }
            }
            default -> joined.communicator().barrier();
        }
    }

    /** The last rank is killed before it calls, or while its own kernel waits for the others. */
    boolean killed(boolean inside) throws Exception {
        boolean good;
        try (DeviceExtent memory = rank.take(64L << 20)) {
            GpuRank.Joined joined = rank.join(1, rank.size, LIMIT);
            DeviceElements vector = memory.elements(DataType.FLOAT32, 4096, 8L << 20);
            joined.communicator().allReduce(vector, vector, ReduceOp.SUM);
            joined.communicator().barrier();
            if (rank.rank == rank.size - 1) {
                if (inside) {
                    joined.fabric().queued().allReduce(vector, vector, ReduceOp.SUM, rank.device.stream());
                }
                rank.signals.set("kill");
                Thread.sleep(60_000);
            }
            rank.signals.await("killed", PATIENCE);
            // Who is killed inside may have given all that the others need: then they miss it in the next call.
            if (inside && failure(joined, vector).isEmpty()) {
                rank.say("faults: the rank that was killed had given all that this call needs");
            }
            good = failsInTime(joined, vector);
            joined.close();
            good &= goesOn(2, rank.size - 1, vector);
        }
        return good;
    }

    boolean frozen() throws Exception {
        boolean good;
        try (DeviceExtent memory = rank.take(64L << 20)) {
            GpuRank.Joined joined = rank.join(1, rank.size, LIMIT);
            DeviceElements vector = memory.elements(DataType.FLOAT32, 4096, 8L << 20);
            joined.communicator().allReduce(vector, vector, ReduceOp.SUM);
            joined.communicator().barrier();
            if (rank.rank == rank.size - 1) {
                rank.signals.set("freeze");
                // Stopped about here, and longer than the limit.
                Thread.sleep(1_000);
            } else {
                rank.signals.await("frozen", PATIENCE);
            }
            good = failsInTime(joined, vector);
            rank.signals.set("failed-" + rank.rank);
            joined.close();
            rank.signals.await("thawed", PATIENCE);
            good &= goesOn(2, rank.size, vector);
        }
        return good;
    }

    /** Ranks call different things: all of them learn it, and from whom. */
    boolean differing() throws Exception {
        boolean good = true;
        for (int how = 0; how < 4; how++) {
            try (DeviceExtent memory = rank.take(64L << 20);
                    GpuRank.Joined joined = rank.join(1 + how, rank.size, PATIENCE)) {
                DeviceElements vector = memory.elements(DataType.FLOAT32, 4096, 2_000_000);
                joined.communicator().allReduce(vector, vector, ReduceOp.SUM);
                joined.communicator().barrier();
                long begin = System.nanoTime();
                try {
                    differ(joined, vector, how);
                    // Who gave all that the others need may be through before they look; the next call fails.
                    joined.communicator().allReduce(vector, vector, ReduceOp.SUM);
                    rank.say("differing %d: nobody noticed: FAILED", how);
                    good = false;
                } catch (CollectiveException e) {
                    boolean right = e.code() == CollectiveException.Code.DESYNC;
                    rank.say(
                            "differing %d: %s after %d ms: %s: %s",
                            how,
                            e.code(),
                            (System.nanoTime() - begin) / 1_000_000,
                            right ? "ok" : "FAILED",
                            e.toString());
                    good &= right;
                }
            }
        }
        return good;
    }

    private void differ(GpuRank.Joined joined, DeviceElements vector, int how) throws CollectiveException {
        boolean odd = rank.rank == rank.size - 1;
        DeviceElements few = vector.slice(0, 1000);
        switch (how) {
            case 0 -> joined.communicator().allReduce(few, few, odd ? ReduceOp.MAX : ReduceOp.SUM);
            case 1 -> joined.communicator().allReduce(vector, vector, odd ? ReduceOp.MAX : ReduceOp.SUM);
            case 2 -> {
                DeviceElements mine = odd ? vector.slice(0, 1_000_000) : vector;
                joined.communicator().allReduce(mine, mine, ReduceOp.SUM);
            }
            default -> {
                if (odd) {
                    joined.communicator().broadcast(vector, 0);
                } else {
                    joined.communicator().allReduce(vector, vector, ReduceOp.SUM);
                }
            }
        }
    }

    private boolean failsInTime(GpuRank.Joined joined, DeviceElements vector) throws InterruptedException {
        boolean first = !failure(joined, vector).isEmpty();
        long begin = System.nanoTime();
        boolean second = !failure(joined, vector).isEmpty();
        return first && second && System.nanoTime() - begin < 1_000_000_000;
    }

    private String failure(GpuRank.Joined joined, DeviceElements vector) {
        long mostMillis = LIMIT.toMillis() + 2_500;
        long begin = System.nanoTime();
        try {
            joined.communicator().allReduce(vector, vector, ReduceOp.SUM);
            rank.say("faults: the call succeeded");
            return "";
        } catch (CollectiveException e) {
            long millis = (System.nanoTime() - begin) / 1_000_000;
            boolean good = millis <= mostMillis;
            rank.say(
                    "faults: %s after %d ms, at most %d: %s: %s",
                    e.code(), millis, mostMillis, good ? "ok" : "FAILED", e.toString());
            return good ? e.toString() : "";
        }
    }

    /** Who is left joins anew on the same pool, and computes rightly. */
    private boolean goesOn(long epoch, int ranks, DeviceElements vector) throws Exception {
        try (Reference reference = new Reference(rank.device);
                GpuRank.Joined joined = rank.join(epoch, ranks, PATIENCE)) {
            reference.poisonAround(vector);
            reference.fill(vector, 99, rank.rank, ReduceOp.SUM);
            joined.communicator().allReduce(vector, vector, ReduceOp.SUM);
            reference.expectReduced("after", vector, 99, ranks, ReduceOp.SUM, 0);
            rank.say(
                    "faults: goes on with %d ranks: %d checks, %d failures",
                    ranks, reference.checks(), reference.failures());
            return reference.failures() == 0;
        }
    }
}
