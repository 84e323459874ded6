// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sparkmooncake.integration.hosts.StandaloneCluster;
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
import org.jspecify.annotations.Nullable;

/**
 * Where applications run: two executors of one core and 2 GiB each, in processes of their own, on this machine, or those of a
 * standalone cluster.
 *
 * @param sparkHome a Spark distribution
 * @param applicationJar the jar with the workloads
 * @param scratch folder for what Spark writes while it runs; whoever made it removes it
 * @param logs folder for what the applications log
 * @param deadline how long one application may take
 * @param standalone the cluster on several hosts, or null for two executors of this machine
 */
record Cluster(
        Path sparkHome,
        Path applicationJar,
        Path scratch,
        Path logs,
        Duration deadline,
        @Nullable StandaloneCluster standalone) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Returns this with executors on several hosts. */
    Cluster on(StandaloneCluster cluster) {
        return new Cluster(sparkHome, applicationJar, scratch, logs, deadline, cluster);
    }

    /** Runs {@code work} as {@code seat} and hands each run to {@code progress} as it ends. */
    List<Repetition> run(Work work, Seat seat, Consumer<Repetition> progress) throws IOException, InterruptedException {
        String name = work.name().replaceAll("[^A-Za-z0-9]+", "-") + "-" + seat.name();
        List<Repetition> runs = submit(name, command(work, seat), Repetition.class, progress);
        if (runs.size() != work.runs()) {
            throw new BenchFailure("work=" + work.name() + " seat=" + seat.name() + " failed: runs=" + runs.size()
                    + " of " + work.runs() + "; " + whereLogsAre(name));
        }
        return runs;
    }

    /** Runs an application that prints lines of JSON, and hands each to {@code progress} as it comes. */
    <R> List<R> submit(String name, List<String> command, Class<R> type, Consumer<R> progress)
            throws IOException, InterruptedException {
        Files.createDirectories(logs);
        Process process = new ProcessBuilder(command)
                .redirectError(logs.resolve(name + ".log").toFile())
                .start();
        Thread watchdog = killAfterDeadline(process);
        try {
            List<R> runs = readRuns(process, type, progress);
            int exit = process.waitFor();
            if (exit != 0) {
                throw new BenchFailure("application=" + name + " failed: exit=" + exit + " deadline="
                        + deadline.toMinutes() + "min; " + whereLogsAre(name));
            }
            return runs;
        } finally {
            watchdog.interrupt();
            end(process);
        }
    }

    private String whereLogsAre(String name) {
        return "its driver's log is " + logs.resolve(name + ".log") + ", its executors' logs are under "
                + (standalone == null ? sparkHome : standalone.hosts().get(1).folder()).resolve("work");
    }

    private List<String> command(Work work, Seat seat) {
        List<String> options =
                new ArrayList<>(List.of("--conf", "spark.executor.memory=2g", "--conf", "spark.driver.memory=1g"));
        options.addAll(seat.submitArguments());
        if (standalone != null) {
            standalone.conf().forEach((key, value) -> options.addAll(List.of("--conf", key + "=" + value)));
        }
        String master = standalone == null ? "local-cluster[2,1,2048]" : standalone.master();
        List<String> words = command(WorkloadMain.class, master, options);
        words.addAll(work.arguments());
        return standalone == null ? words : standalone.onDriver(words);
    }

    /** The command line up to the jar of the application, whose arguments the caller adds. */
    List<String> command(Class<?> main, String master, List<String> options) {
        List<String> words = new ArrayList<>(List.of(
                sparkHome.resolve("bin/spark-submit").toString(),
                "--master",
                master,
                "--class",
                main.getName(),
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
        words.addAll(options);
        words.add(applicationJar.toString());
        return words;
    }

    private static <R> List<R> readRuns(Process process, Class<R> type, Consumer<R> progress) throws IOException {
        List<R> runs = new ArrayList<>();
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("{")) {
                    R run = JSON.readValue(line, type);
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
