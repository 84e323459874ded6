// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import io.sparkmooncake.transfer.store.HostedStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Forks ranks and does to them what a check says. Arguments: work, GPUs, ranks, kind of regions, seconds. Exits with their failures. */
public final class GpuChecks {
    private static final Duration STARTED = Duration.ofSeconds(90);

    private GpuChecks() {}

    /** Runs one check. */
    public static void main(String[] args) throws Exception {
        String work = args[0];
        int gpus = Integer.parseInt(args[1]);
        int size = Integer.parseInt(args[2]);
        long seconds = Long.parseLong(args[4]);
        HostedStore host = new HostedStore(1 << 20);
        Path folder = Files.createTempDirectory("gpu-checks");
        Signals signals = new Signals(folder);
        List<RankFork> ranks = new ArrayList<>();
        int failed = 0;
        try {
            boolean together = work.startsWith("local-");
            for (int rank = together ? -1 : 0; rank < (together ? 0 : size); rank++) {
                Map<String, String> environment = new HashMap<>();
                String all =
                        IntStream.range(0, gpus).mapToObj(Integer::toString).collect(Collectors.joining(","));
                environment.put("CUDA_VISIBLE_DEVICES", together ? all : Integer.toString(rank % gpus));
                environment.put("CUDA_DEVICE_MAX_CONNECTIONS", "32");
                if (size > gpus) {
                    environment.put("GPU_SHARED", "1");
                }
                String name = work.replace("local-", "");
                ranks.add(RankFork.start(
                        host,
                        environment,
                        List.of(name, Integer.toString(rank), Integer.toString(size), args[3], folder.toString())));
            }
            int victims = work.startsWith("killed") ? 1 : work.equals("soak-killed") ? Faults.KILLS : 0;
            harm(work, ranks, signals);
            for (int rank = 0; rank < ranks.size(); rank++) {
                int status = ranks.get(rank).await(seconds);
                boolean good = rank >= size - victims ? status == 137 : status == 0;
                failed += good ? 0 : 1;
                if (!good) {
                    GpuRank.OUT.println(work + ": rank " + rank + " ended with status=" + status + ": FAILED");
                }
            }
        } finally {
            ranks.forEach(RankFork::close);
        }
        GpuRank.OUT.println(work + " with ranks=" + size + " on GPUs=" + gpus + ", " + args[3] + ": "
                + (failed == 0 ? "ok" : "FAILED"));
        if (failed > 0) {
            throw new AssertionError(work + ": failures=" + failed);
        }
    }

    /** Kills or stops the last ranks, where the work is about that. */
    private static void harm(String work, List<RankFork> ranks, Signals signals) throws Exception {
        RankFork last = ranks.get(ranks.size() - 1);
        if (work.startsWith("killed")) {
            signals.await("kill", STARTED);
            Thread.sleep(200);
            last.signal("KILL");
            last.await(60);
            // The driver takes its kernels off the device a little later.
            Thread.sleep(500);
            signals.set("killed");
        } else if (work.equals("soak-killed")) {
            Random moments = new Random();
            for (int killed = 0; killed < Faults.KILLS; killed++) {
                signals.await("soak-" + killed, STARTED);
                Thread.sleep(moments.nextInt(50));
                ranks.get(ranks.size() - 1 - killed).signal("KILL");
            }
        } else if (work.equals("frozen")) {
            signals.await("freeze", STARTED);
            last.signal("STOP");
            signals.set("frozen");
            for (int rank = 0; rank < ranks.size() - 1; rank++) {
                signals.await("failed-" + rank, STARTED);
            }
            last.signal("CONT");
            signals.await("failed-" + (ranks.size() - 1), STARTED);
            signals.set("thawed");
        }
    }
}
