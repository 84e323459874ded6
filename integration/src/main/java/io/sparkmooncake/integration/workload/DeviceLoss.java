// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.ml.Communicators;
import io.sparkmooncake.ml.RankVector;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;

/**
 * A loop of all-reduces whose last rank is killed with its executor in the first attempt of the stage, when all others wait for it or it
 * waits for them. The stage feeds a shuffle, so Spark itself runs it again, under another epoch.
 */
final class DeviceLoss {
    private static final int NUMBERS = 1 << 20;
    private static final int ITERATIONS = 50;
    private static final int KILLED_AT = 10;
    private static final long PATIENCE_MILLIS = 60_000;
    private static final long PAUSE_MILLIS = 5;
    private static final long SETTLE_MILLIS = 200;
    private static final long MOST_NOTICED_MILLIS = 5_000;

    private final Moment moment;
    private final Path folder;
    private final boolean onDevices;

    /** When it is killed. */
    enum Moment {
        /** It is inside an all-reduce, and the first rank has not come to it. */
        INSIDE,
        /** It has not come to the all-reduce that all others are in. */
        BEFORE
    }

    /**
     * How it went.
     *
     * @param what in words
     */
    record Outcome(boolean good, String what) {}

    DeviceLoss(Moment moment, Path folder, boolean onDevices) {
        this.moment = moment;
        this.folder = folder.resolve("loss-" + moment);
        this.onDevices = onDevices;
    }

    Outcome run(JavaRDD<Integer> slots) throws IOException, InterruptedException {
        Files.createDirectories(folder);
        try (var old = Files.list(folder)) {
            for (Path file : old.toList()) {
                Files.delete(file);
            }
        }
        Thread killer = new Thread(this::killWhenReady, "kill-" + moment);
        killer.setDaemon(true);
        killer.start();
        Moment when = moment;
        String files = folder.toString();
        int tasks = slots.getNumPartitions();
        long begin = System.nanoTime();
        List<String> results = Communicators.mapPartitions(
                        slots, (Communicator ranks, Iterator<Integer> numbers) -> loop(ranks, when, Path.of(files)))
                .repartition(tasks)
                .collect();
        double seconds = (System.nanoTime() - begin) / 1e9;
        killer.join(PATIENCE_MILLIS);
        double expected = tasks * (tasks + 1) / 2.0 * ITERATIONS * (ITERATIONS + 1) / 2;
        String right = "epoch=1 " + (onDevices ? "device" : "host") + " sum=" + expected;
        boolean good = results.size() == tasks && results.stream().allMatch(right::equals);
        long most = 0;
        List<String> said = new ArrayList<>();
        long killed = Long.parseLong(Files.readString(folder.resolve("killed")));
        for (int rank = 0; rank < tasks - 1; rank++) {
            String[] words = Files.readString(folder.resolve("rank-" + rank)).split(" ", 2);
            long millis = Long.parseLong(words[0]) - killed;
            most = Math.max(most, millis);
            good &= words[1].startsWith("RANK_LOST");
            said.add("rank " + rank + " after " + millis + " ms: " + words[1]);
        }
        good &= most < MOST_NOTICED_MILLIS;
        return new Outcome(
                good, Math.round(seconds * 10) / 10.0 + " s in all; second attempt " + results + "; first: " + said);
    }

    private static Iterator<String> loop(Communicator ranks, Moment moment, Path folder) throws Exception {
        TaskContext task = TaskContext.get();
        int rank = ranks.membership().rank();
        int victim = ranks.membership().size() - 1;
        boolean first = task.stageAttemptNumber() == 0;
        double[] numbers = new double[NUMBERS];
        double total = 0;
        try (RankVector vector = RankVector.of(ranks, numbers)) {
            for (int i = 1; i <= ITERATIONS; i++) {
                Arrays.fill(numbers, (double) i * (rank + 1));
                if (first && i == KILLED_AT && rank == victim) {
                    write(folder, "ready", Long.toString(ProcessHandle.current().pid()));
                    if (moment == Moment.BEFORE) {
                        Thread.sleep(PATIENCE_MILLIS);
                    }
                } else if (first && i == KILLED_AT && rank == 0 && moment == Moment.INSIDE) {
                    await(folder.resolve("killed"));
                }
                vector.allReduce(ReduceOp.SUM);
                total += numbers[i];
                double any = numbers[0];
                if (Arrays.stream(numbers).anyMatch(each -> each != any)) {
                    throw new IllegalStateException("numbers differ in iteration " + i);
                }
            }
            String memory = vector.isOnDevice() ? "device" : "host";
            return List.of("epoch=" + ranks.membership().epoch() + " " + memory + " sum=" + total)
                    .iterator();
        } catch (CollectiveException e) {
            write(folder, "rank-" + rank, System.currentTimeMillis() + " " + e.code() + ": " + e.getMessage());
            throw e;
        }
    }

    private void killWhenReady() {
        try {
            await(folder.resolve("ready"));
            Thread.sleep(SETTLE_MILLIS);
            long pid = Long.parseLong(Files.readString(folder.resolve("ready")));
            long now = System.currentTimeMillis();
            ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
            write(folder, "killed", Long.toString(now));
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void await(Path file) throws InterruptedException {
        long end = System.currentTimeMillis() + PATIENCE_MILLIS;
        while (!Files.exists(file) && System.currentTimeMillis() < end) {
            Thread.sleep(PAUSE_MILLIS);
        }
    }

    /** Whole or not at all. */
    private static void write(Path folder, String name, String text) throws IOException {
        Path unfinished = Files.writeString(folder.resolve(name + ".unfinished"), text);
        Files.move(unfinished, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }
}
