// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.algorithm.OrderedCommunicator;
import io.sparkmooncake.gpu.collective.DeviceFabric;
import io.sparkmooncake.gpu.driver.Cuda;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.memory.DeviceExtent;
import io.sparkmooncake.gpu.memory.DevicePool;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** One rank in a JVM of its own, on the first device that it sees. Arguments: work, rank, size, kind of regions, folder. */
public final class GpuRank implements AutoCloseable {
    static final PrintStream OUT = new PrintStream(System.err, true, StandardCharsets.UTF_8);
    static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Duration HOST_TIMEOUT = Duration.ofSeconds(20);

    final RankLife life;
    final Signals signals;
    final int rank;
    final int size;
    final Device device;
    final DevicePool pool;
    final DeviceRegion.Kind kind;
    private final long freeBefore;

    /** A joined group: the communicator as callers use it, and the fabric behind it. */
    record Joined(Communicator communicator, DeviceFabric fabric) implements AutoCloseable {
        @Override
        public void close() {
            communicator.close();
        }
    }

    private GpuRank(RankLife life, String[] args, int rank, int ordinal) {
        this.rank = rank;
        this.life = life;
        size = Integer.parseInt(args[2]);
        kind = DeviceRegion.Kind.valueOf(args[3]);
        signals = new Signals(Path.of(args[4]));
        device = Device.open(ordinal);
        freeBefore = device.room().freeBytes();
        pool = new DevicePool(device, new DevicePool.Limits(kind, 256L << 20, 8L << 30));
    }

    /** Runs the rank; rank −1 is all of them, on threads of this process. */
    public static void main(String[] args) throws Exception {
        int rank = Integer.parseInt(args[1]);
        boolean good = true;
        try (RankLife life = new RankLife(Math.max(0, rank), HOST_TIMEOUT)) {
            if (rank >= 0) {
                good = run(life, args, rank, 0);
            } else {
                List<CompletableFuture<Boolean>> ranks = new ArrayList<>();
                for (int each = 0; each < Integer.parseInt(args[2]); each++) {
                    ranks.add(onThread(life, args, each));
                }
                for (CompletableFuture<Boolean> each : ranks) {
                    good &= each.get(5, TimeUnit.MINUTES);
                }
            }
        }
        if (!good) {
            throw new AssertionError(args[0] + " failed on rank " + args[1]);
        }
    }

    private static CompletableFuture<Boolean> onThread(RankLife life, String[] args, int rank) {
        CompletableFuture<Boolean> done = new CompletableFuture<>();
        int ordinal = rank % Cuda.devices().size();
        Thread thread = new Thread(
                () -> {
                    try {
                        done.complete(run(life, args, rank, ordinal));
                    } catch (Throwable e) {
                        done.completeExceptionally(e);
                    }
                },
                "rank-" + rank);
        thread.start();
        return done;
    }

    private static boolean run(RankLife life, String[] args, int rank, int ordinal) throws Exception {
        try (GpuRank self = new GpuRank(life, args, rank, ordinal)) {
            boolean good = self.work(args[0]);
            return self.gaveAllBack() && good;
        }
    }

    private boolean work(String name) throws Exception {
        return switch (name) {
            case "check" -> new Checks(this).run();
            case "bench" -> new Bench(this).run();
            case "soak" -> new Faults(this).soak();
            case "soak-killed" -> new Faults(this).soakWithKills();
            case "killed-before" -> new Faults(this).killed(false);
            case "killed-inside" -> new Faults(this).killed(true);
            case "frozen" -> new Faults(this).frozen();
            case "differing" -> new Faults(this).differing();
            case "facts" -> new Facts(this).run();
            default -> throw new IllegalArgumentException(name);
        };
    }

    Joined join(long epoch, int ranks, Duration timeout) throws Exception {
        Communicator control = life.join(new Membership("gpus", epoch, rank, ranks));
        DeviceFabric.Options options = new DeviceFabric.Options(timeout, kind, 128L << 20, 64L << 20);
        DeviceFabric fabric = DeviceFabric.join(control, pool, options);
        return new Joined(
                new OrderedCommunicator(
                        fabric,
                        self -> {
                            throw new IllegalStateException("no subgroups here");
                        },
                        () -> {}),
                fabric);
    }

    DeviceExtent take(long bytes) {
        return pool.allocate(bytes);
    }

    void say(String format, Object... arguments) {
        OUT.println("rank " + rank + ": " + String.format(Locale.ROOT, format, arguments));
    }

    /** Everything that this process took of its device is given back, by its own accounts and by the driver's. */
    private boolean gaveAllBack() throws InterruptedException {
        int extents = pool.figures().extents();
        pool.close();
        int held = device.plain().held() + device.virtual().held();
        long endNanos = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        // Memory that a peer still maps is freed when it lets go.
        long missing = freeBefore - device.room().freeBytes();
        while (missing > 0 && alone() && System.nanoTime() - endNanos < 0) {
            Thread.sleep(50);
            missing = freeBefore - device.room().freeBytes();
        }
        boolean good = extents == 0 && held == 0 && (missing <= 4 << 20 || !alone());
        say(
                "leaks: extents=%d allocations and mappings=%d bytes missing on the device=%d: %s",
                extents, held, missing, good ? "ok" : "FAILED");
        return good;
    }

    private boolean alone() {
        return !Boolean.getBoolean("gpu.shared") && System.getenv("GPU_SHARED") == null;
    }

    @Override
    public void close() {
        device.close();
    }
}
