// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sparkmooncake.integration.workload.Repetition;
import io.sparkmooncake.integration.workload.WorkloadMain;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Where applications run: two executors of one core and 2 GiB each, in processes of their own, on this machine.
 *
 * @param sparkHome a Spark distribution
 * @param applicationJar the jar with the workloads
 * @param scratch folder for what Spark writes while it runs; whoever made it removes it
 * @param logs folder for what the applications log
 * @param deadline how long one application may take
 */
record Cluster(Path sparkHome, Path applicationJar, Path scratch, Path logs, Duration deadline) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Runs {@code work} as {@code seat} and hands each run to {@code progress} as it ends. */
    List<Repetition> run(Work work, Seat seat, Consumer<Repetition> progress) throws IOException, InterruptedException {
        Files.createDirectories(logs);
        Path log = logs.resolve(work.name().replaceAll("[^A-Za-z0-9]+", "-") + "-" + seat.name() + ".log");
        Process process = new ProcessBuilder(command(work, seat))
                .redirectError(log.toFile())
                .start();
        Thread watchdog = killAfterDeadline(process);
        try {
            List<Repetition> runs = readRuns(process, progress);
            int exit = process.waitFor();
            if (exit != 0 || runs.size() != work.runs()) {
                throw new BenchFailure(
                        "work=" + work.name() + " seat=" + seat.name() + " failed: exit=" + exit + " runs="
                                + runs.size() + " of " + work.runs() + " deadline=" + deadline.toMinutes()
                                + "min; its driver's log is " + log + ", its executors' logs are under "
                                + sparkHome.resolve("work"));
            }
            return runs;
        } finally {
            watchdog.interrupt();
            end(process);
        }
    }

    private List<String> command(Work work, Seat seat) {
        List<String> words = new ArrayList<>(List.of(
                sparkHome.resolve("bin/spark-submit").toString(),
                "--master",
                "local-cluster[2,1,2048]",
                "--class",
                WorkloadMain.class.getName(),
                "--conf",
                "spark.executor.memory=2g",
                "--conf",
                "spark.driver.memory=1g",
                "--conf",
                "spark.serializer=org.apache.spark.serializer.KryoSerializer",
                "--conf",
                "spark.local.dir=" + scratch));
        words.addAll(List.of(
                "--conf", "spark.scheduler.minRegisteredResourcesRatio=1.0",
                "--conf", "spark.scheduler.maxRegisteredResourcesWaitingTime=120s",
                "--conf", "spark.deploy.maxExecutorRetries=3",
                "--conf", "spark.ui.enabled=false",
                "--conf", "spark.log.level=WARN"));
        words.addAll(seat.submitArguments());
        words.add(applicationJar.toString());
        words.addAll(work.arguments());
        return words;
    }

    private static List<Repetition> readRuns(Process process, Consumer<Repetition> progress) throws IOException {
        List<Repetition> runs = new ArrayList<>();
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("{")) {
                    Repetition run = JSON.readValue(line, Repetition.class);
                    runs.add(run);
                    progress.accept(run);
                }
            }
        }
        return runs;
    }

    private Thread killAfterDeadline(Process process) {
        Thread watchdog = new Thread(
                () -> {
                    try {
                        if (!process.waitFor(deadline.toSeconds(), TimeUnit.SECONDS)) {
                            end(process);
                        }
                    } catch (InterruptedException finished) {
                        Thread.currentThread().interrupt();
                    }
                },
                "mooncake-deadline-" + process.pid());
        watchdog.setDaemon(true);
        watchdog.start();
        return watchdog;
    }

    /** Ends the driver and the executors that it started. */
    private static void end(Process process) {
        List<ProcessHandle> executors = process.descendants().toList();
        process.destroyForcibly();
        executors.forEach(ProcessHandle::destroyForcibly);
    }
}
