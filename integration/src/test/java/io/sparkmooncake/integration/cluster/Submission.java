// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import io.sparkmooncake.integration.program.Facts;
import io.sparkmooncake.integration.program.ProgramMain;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * One {@code spark-submit} of a program of {@link ProgramMain}, as a user would type it. Its logs lie in a folder of its own.
 */
final class Submission {
    static final String MANAGER = "io.sparkmooncake.shuffle.MooncakeShuffleManager";

    private static final String PLUGIN = "io.sparkmooncake.plugin.MooncakePlugin";
    private static final String TWO_EXECUTORS = "local-cluster[2,1,1024]";
    private static final int LOG_TAIL_LINES = 60;

    private final SparkHome home;
    private final String program;
    private final Map<String, String> conf = new LinkedHashMap<>();
    private final List<String> arguments = new ArrayList<>();
    private final List<String> prefix = new ArrayList<>();
    private String master = TWO_EXECUTORS;
    private Duration deadline = Duration.ofMinutes(4);

    private Submission(SparkHome home, String program) {
        this.home = home;
        this.program = program;
        conf("spark.serializer", "org.apache.spark.serializer.KryoSerializer");
        conf("spark.ui.enabled", "false");
        conf("spark.log.level", "INFO");
        conf("spark.executor.memory", "1g");
        conf("spark.driver.memory", "1g");
        conf("spark.local.dir", home.folder().resolve("scratch").toString());
        conf("spark.task.maxFailures", "8");
        conf("spark.deploy.maxExecutorRetries", "6");
        conf("spark.mooncake.shuffle.memory", "64m");
        conf("spark.mooncake.memory.segment", "1m");
        conf("spark.mooncake.memory.idle", "1s");
        conf("spark.mooncake.shuffle.write.buffer", "256k");
    }

    /** A program without the plugin's settings. */
    static Submission plain(String sparkVersion, String program) throws IOException, InterruptedException {
        return new Submission(SparkHome.of(sparkVersion, program), program);
    }

    /** A program with the plugin switched on as the README tells users of that version. */
    static Submission of(String sparkVersion, String program) throws IOException, InterruptedException {
        Submission submission = plain(sparkVersion, program).conf("spark.plugins", PLUGIN);
        String jar = SparkHome.pluginJar().toString();
        return sparkVersion.startsWith("3.")
                ? submission
                        .conf("spark.shuffle.manager", MANAGER)
                        .conf("spark.driver.extraClassPath", jar)
                        .conf("spark.executor.extraClassPath", jar)
                : submission.conf("spark.jars", jar);
    }

    Submission conf(String key, String value) {
        conf.put(key, value);
        return this;
    }

    Submission argument(String name, Object value) {
        arguments.add(name + "=" + value);
        return this;
    }

    Submission master(String master) {
        this.master = master;
        return this;
    }

    Submission deadline(Duration deadline) {
        this.deadline = deadline;
        return this;
    }

    /** Words before {@code spark-submit}, such as {@code ip netns exec host}. */
    Submission through(List<String> words) {
        prefix.addAll(words);
        return this;
    }

    /** Adds jars, separated by commas. */
    Submission jars(String jars) {
        conf.merge("spark.jars", jars, (one, other) -> one + "," + other);
        return this;
    }

    Path folder() {
        return home.folder();
    }

    /** Runs it and returns what the program told; a program that fails or does not end fails the test with its log. */
    Map<String, String> run() throws IOException, InterruptedException {
        Path out = home.folder().resolve("out.txt");
        Path log = home.folder().resolve("driver.log");
        Files.createDirectories(home.folder().resolve("scratch"));
        Process process = new ProcessBuilder(command())
                .redirectOutput(out.toFile())
                .redirectError(log.toFile())
                .start();
        try {
            boolean ended = process.waitFor(deadline.toSeconds(), TimeUnit.SECONDS);
            Map<String, String> facts = Facts.read(Files.readAllLines(out, StandardCharsets.UTF_8));
            if (!ended || process.exitValue() != 0 || !facts.containsKey("passed")) {
                throw new AssertionError(program
                        + (ended ? " failed with exit=" + process.exitValue() : " did not end within " + deadline)
                        + "; it told " + facts + "; logs are in " + home.folder() + "; the driver's ends with\n"
                        + tail(log));
            }
            return facts;
        } finally {
            Processes.kill(process);
            Processes.delete(home.folder().resolve("scratch"));
        }
    }

    private List<String> command() throws IOException {
        List<String> words = new ArrayList<>(prefix);
        words.addAll(List.of(
                home.folder().resolve("bin/spark-submit").toString(),
                "--master",
                master,
                "--class",
                ProgramMain.class.getName()));
        conf.forEach((key, value) -> words.addAll(List.of("--conf", key + "=" + value)));
        words.add(SparkHome.programJar().toString());
        words.add(program);
        words.addAll(arguments);
        return words;
    }

    private static String tail(Path log) throws IOException {
        List<String> lines = Files.readAllLines(log, StandardCharsets.UTF_8).stream()
                .filter(line -> !line.contains(" INFO "))
                .toList();
        return String.join("\n", lines.subList(Math.max(0, lines.size() - LOG_TAIL_LINES), lines.size()));
    }
}
