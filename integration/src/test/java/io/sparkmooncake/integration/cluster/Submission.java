// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import io.sparkmooncake.integration.hosts.HostSpec;
import io.sparkmooncake.integration.hosts.Hosts;
import io.sparkmooncake.integration.hosts.Processes;
import io.sparkmooncake.integration.hosts.StandaloneCluster;
import io.sparkmooncake.integration.program.ProgramMain;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One {@code spark-submit} of a program of {@link ProgramMain}, as a user would type it. Its logs lie in a folder of its own.
 */
final class Submission {
    private static final Logger LOG = LoggerFactory.getLogger(Submission.class);

    static final String MANAGER = "io.sparkmooncake.shuffle.MooncakeShuffleManager";

    private static final String PLUGIN = "io.sparkmooncake.plugin.MooncakePlugin";
    private static final String JVM_ARGS = System.getProperty("cluster.jvm.args", "");
    private static final int EXECUTOR_MIB = 1024;
    private static final int LOG_TAIL_LINES = 60;

    private SparkHome home;
    private final String sparkVersion;
    private final String program;
    private final Map<String, String> conf = new LinkedHashMap<>();
    private final List<String> arguments = new ArrayList<>();
    private Layout layout = Layout.THREE_ON_ONE_HOST;
    private @Nullable String master;
    private HostSpec spec = HostSpec.unlimited();
    private int executorMiB = EXECUTOR_MIB;
    /** Long enough for any machine: a program that hangs is what it finds. */
    private Duration deadline = Duration.ofMinutes(20);

    private Submission(String sparkVersion, String program) throws IOException, InterruptedException {
        this.sparkVersion = sparkVersion;
        this.program = program;
        this.home = SparkHome.of(sparkVersion, program);
        conf("spark.serializer", "org.apache.spark.serializer.KryoSerializer");
        conf("spark.ui.enabled", "false");
        conf("spark.log.level", "INFO");
        conf("spark.driver.memory", "1g");
        conf("spark.task.maxFailures", "8");
        conf("spark.deploy.maxExecutorRetries", "6");
        conf("spark.mooncake.shuffle.memory", "64m");
        conf("spark.mooncake.memory.segment", "1m");
        conf("spark.mooncake.memory.idle", "1s");
        conf("spark.mooncake.shuffle.write.buffer", "256k");
    }

    /** A program without the plugin's settings. */
    static Submission plain(String sparkVersion, String program) throws IOException, InterruptedException {
        return new Submission(sparkVersion, program);
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

    /** Runs on {@code layout} instead of three executors of one host, in another {@link #folder}. */
    Submission on(Layout of) throws IOException, InterruptedException {
        layout = of;
        home = SparkHome.of(
                sparkVersion, program + "-" + of.name().toLowerCase(Locale.ROOT).replace('_', '-'));
        if (of == Layout.THREE_TCP) {
            conf("spark.mooncake.transfer.paths", "tcp");
        }
        return this;
    }

    Layout layout() {
        return layout;
    }

    /** Runs with one {@code --master} of Spark's own instead of a layout. */
    Submission master(String of) {
        master = of;
        return this;
    }

    /** What each host has, if the layout has hosts. */
    Submission hosts(HostSpec of) {
        spec = of;
        return this;
    }

    Submission executorMemory(int mebibytes) {
        executorMiB = mebibytes;
        return this;
    }

    Submission deadline(Duration deadline) {
        this.deadline = deadline;
        return this;
    }

    /** Takes the defaults of every setting of ours instead of small limits. */
    Submission defaults() {
        conf.keySet().removeIf(key -> key.startsWith("spark.mooncake."));
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

    /**
     * Runs it and returns what the program told; a program that fails or does not end fails the test with its log. Aborts the
     * test with the reason if the layout has hosts, and none can be started here.
     */
    Map<String, String> run() throws IOException, InterruptedException {
        if (master != null) {
            return run(new Actions(null), sparkSubmit(master));
        }
        argument("executors", layout.executors());
        if (!layout.hasHosts()) {
            conf("spark.executor.memory", executorMiB + "m");
            return run(
                    new Actions(null), sparkSubmit("local-cluster[" + layout.executors() + ",1," + executorMiB + "]"));
        }
        Path folder = home.folder().resolve("hosts");
        Optional<String> missing = Hosts.missing(folder);
        Assumptions.assumeTrue(missing.isEmpty(), () -> "skipped on " + layout + ": " + missing.orElse(""));
        List<HostSpec> specs = new ArrayList<>(Collections.nCopies(1 + layout.workers(), spec));
        specs.set(0, HostSpec.unlimited().withUser(spec.user()));
        try (Hosts hosts = Hosts.start(folder, specs)) {
            int perHost = layout.executors() / layout.workers();
            StandaloneCluster cluster = StandaloneCluster.start(hosts, home.folder(), perHost, executorMiB);
            cluster.conf().forEach(this::conf);
            return run(new Actions(hosts), cluster.onDriver(sparkSubmit(cluster.master())));
        }
    }

    private Map<String, String> run(Actions actions, List<String> command) throws IOException, InterruptedException {
        Path log = home.folder().resolve("driver.log");
        Files.createDirectories(home.folder().resolve("scratch"));
        Conversation conversation = Conversation.start(command, log, actions);
        try {
            boolean ended = conversation.awaitEnd(deadline);
            Map<String, String> facts = conversation.facts();
            if (!ended || conversation.exit() != 0 || !facts.containsKey("passed")) {
                throw new AssertionError(program + " on " + (master == null ? layout : master)
                        + (ended ? " failed with exit=" + conversation.exit() : " did not end within " + deadline)
                        + "; it told " + facts + "; logs are in " + home.folder() + "; the driver's ends with\n"
                        + tail(log));
            }
            LOG.info("{} on {} told {}", program, master == null ? layout : master, facts);
            return facts;
        } finally {
            conversation.end();
            Processes.delete(home.folder().resolve("scratch"));
        }
    }

    private List<String> sparkSubmit(String toMaster) throws IOException {
        List<String> words = new ArrayList<>(List.of(
                home.folder().resolve("bin/spark-submit").toString(),
                "--master",
                toMaster,
                "--class",
                ProgramMain.class.getName()));
        if (!JVM_ARGS.isEmpty()) {
            for (String key : List.of("spark.driver.extraJavaOptions", "spark.executor.extraJavaOptions")) {
                conf.merge(key, JVM_ARGS, (given, more) -> given + " " + more);
            }
        }
        conf("spark.local.dir", home.folder().resolve("scratch").toString());
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
