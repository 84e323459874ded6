// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.ml.Communicators;
import io.sparkmooncake.ml.RankFunction;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * Loops of all-reduces that break in their first attempt: a task throws, a task is killed, a task fails before it joins, an executor
 * is killed. Each must give the right result in its second attempt.
 */
final class RankFailures implements Program {
    private static final int ITERATIONS = 200;
    private static final long FIRST_ATTEMPT_MILLIS = 50_000;

    /** How the first attempt breaks. */
    private enum Break {
        THROW,
        THROW_BEFORE_JOINING,
        KILL_TASK,
        KILL_EXECUTOR,
        KILL_EXECUTOR_BEFORE_SHUFFLE
    }

    @Override
    public void run(Facts facts) throws Exception {
        Path folder = Files.createDirectories(Path.of(facts.argument("folder")));
        try (JavaSparkContext sc = new JavaSparkContext(new SparkConf())) {
            Executors executors = new Executors(sc);
            int count = facts.executors();
            executors.probe(count);
            for (int seed = 0; seed < facts.number("seeds"); seed++) {
                for (Break how : Break.values()) {
                    Path files = Files.createDirectories(folder.resolve(how.name() + "-" + seed));
                    runBroken(facts, sc, how, files);
                    executors.awaitCount(count);
                }
            }
            List<String> left = executors.namedSegments(executors.cleanAndAwaitQuiet(count));
            Facts.require(left.isEmpty(), "files left in /dev/shm", left);
        }
    }

    private static void runBroken(Facts facts, JavaSparkContext sc, Break how, Path files) throws Exception {
        Thread breaker = new Thread(() -> breakWhenReady(facts, sc, how, files), "breaker");
        breaker.setDaemon(true);
        breaker.start();
        String folder = files.toString();
        long start = System.nanoTime();
        int count = facts.executors();
        JavaRDD<Integer> slots = sc.parallelize(
                        IntStream.range(0, count).boxed().toList(), count)
                .mapPartitions(numbers -> beforeJoining(how, folder, numbers));
        RankFunction<Integer, Long> loop = (ranks, numbers) -> loop(ranks, how, folder);
        List<Long> results = how == Break.KILL_EXECUTOR_BEFORE_SHUFFLE
                ? Communicators.mapPartitions(slots, loop).repartition(count).collect()
                : Communicators.collect(slots, loop);
        long expected = (long) count * (count + 1) / 2 * ITERATIONS * (ITERATIONS + 1) / 2;
        Facts.require(results.equals(Collections.nCopies(count, expected)), how, results, "is not", expected);
        facts.tell(how + ".millis", (System.nanoTime() - start) / 1_000_000);
        Path broken = files.resolve("broken");
        if (Files.exists(broken)) {
            String brokeAt = Files.readString(files.resolve("rank-0"));
            long millis = Long.parseLong(brokeAt.substring(0, brokeAt.indexOf(' ')));
            facts.tell(how + ".noticed.millis", millis - Long.parseLong(Files.readString(broken)));
        }
        if (Files.exists(files.resolve("rank-0"))) {
            facts.tell(how.name(), Files.readString(files.resolve("rank-0")));
        }
    }

    /** Runs in the task's thread before it joins, because the iterator is made first. */
    private static Iterator<Integer> beforeJoining(Break how, String folder, Iterator<Integer> numbers)
            throws IOException {
        TaskContext context = TaskContext.get();
        if (how == Break.THROW_BEFORE_JOINING && context.partitionId() == 1 && isFirst(folder)) {
            write(folder, "ready", "");
            throw new IllegalStateException("no way to the data");
        }
        return numbers;
    }

    private static boolean isFirst(String folder) {
        return !Files.exists(Path.of(folder, "ready"));
    }

    private static Iterator<Long> loop(Communicator joined, Break how, String folder) throws Exception {
        Communicator ranks = how == Break.THROW ? joined.duplicate() : joined;
        TaskContext context = TaskContext.get();
        int rank = ranks.membership().rank();
        long[] value = new long[1];
        Elements all = Elements.of(value);
        long total = 0;
        boolean first = isFirst(folder);
        long end = System.currentTimeMillis() + FIRST_ATTEMPT_MILLIS;
        try {
            for (int i = 1; first ? System.currentTimeMillis() < end : i <= ITERATIONS; i++) {
                if (first && i == ITERATIONS && rank == 1) {
                    String host = SparkEnv.get().blockManager().blockManagerId().host();
                    write(folder, "ready", host + " " + ProcessHandle.current().pid() + " " + context.taskAttemptId());
                    if (how == Break.THROW) {
                        throw new IllegalStateException("a row cannot be parsed");
                    }
                }
                value[0] = (long) i * (rank + 1);
                ranks.allReduce(all, all, ReduceOp.SUM);
                total += value[0];
            }
        } catch (CollectiveException e) {
            write(folder, "rank-" + rank, System.currentTimeMillis() + " " + e.code() + ": " + e.getMessage());
            throw e;
        }
        return List.of(total).iterator();
    }

    private static void breakWhenReady(Facts facts, JavaSparkContext sc, Break how, Path files) {
        if (how == Break.THROW || how == Break.THROW_BEFORE_JOINING) {
            return;
        }
        Path ready = files.resolve("ready");
        try {
            Executors.await("a rank in its loop", () -> Files.exists(ready));
            String[] words = Files.readString(ready).split(" ", -1);
            long now = System.currentTimeMillis();
            if (how != Break.KILL_TASK) {
                facts.ask("kill", words[0], words[1]);
            } else {
                sc.sc().killTaskAttempt(Long.parseLong(words[2]), false, "killed by its user");
            }
            write(files.toString(), "broken", Long.toString(now));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** Whole or not at all. */
    private static void write(String folder, String name, String text) throws IOException {
        Path unfinished = Files.writeString(Path.of(folder, name + ".unfinished"), text);
        Files.move(unfinished, Path.of(folder, name), StandardCopyOption.ATOMIC_MOVE);
    }
}
