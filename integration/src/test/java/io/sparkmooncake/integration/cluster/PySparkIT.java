// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.integration.hosts.Processes;
import io.sparkmooncake.integration.program.Facts;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * PySpark from its packages on three executors gives what it gives with Spark's own shuffle. PySpark 3.5 brings jars for Scala
 * 2.12, which the plugin does not run on, so its Python files run on a Spark 3.5 for Scala 2.13.
 */
@Tag("campaign")
final class PySparkIT {
    private static final Path PROGRAM = SparkHome.file("integration/src/test/python/pyspark_breadth.py");
    private static final long LIMIT_MINUTES = 25;
    private static final int LOG_TAIL_LINES = 40;

    @ParameterizedTest
    @CsvSource({"3.5.9,'shm,tcp'", "3.5.9,tcp", "4.1.3,tcp", "4.3.0,'shm,tcp'", "4.3.0,tcp"})
    void everyWayOfPythonIsRight(String version, String paths) throws IOException, InterruptedException {
        Map<String, String> ours = run(version, plugged(version, paths));
        assertThat(ours).containsEntry("manager", Submission.MANAGER).containsEntry("version", version);
        assertThat(results(ours)).hasSize(9).isEqualTo(results(run(version, List.of())));
    }

    private static Map<String, String> results(Map<String, String> facts) {
        Map<String, String> results = new LinkedHashMap<>(facts);
        results.keySet().removeIf(name -> name.startsWith("millis.") || name.equals("manager"));
        results.remove("version");
        results.remove("passed");
        return results;
    }

    private static List<String> plugged(String version, String paths) {
        String jar = SparkHome.pluginJar().toString();
        List<String> conf = new ArrayList<>(List.of(
                "spark.plugins=io.sparkmooncake.plugin.MooncakePlugin",
                "spark.mooncake.transfer.paths=" + paths,
                "spark.mooncake.shuffle.memory=64m",
                "spark.mooncake.memory.segment=1m"));
        conf.addAll(
                version.startsWith("3.")
                        ? List.of(
                                "spark.shuffle.manager=" + Submission.MANAGER,
                                "spark.driver.extraClassPath=" + jar,
                                "spark.executor.extraClassPath=" + jar)
                        : List.of("spark.jars=" + jar));
        return conf;
    }

    private static Map<String, String> run(String version, List<String> conf) throws IOException, InterruptedException {
        String pythonPath = folder(version) + File.pathSeparator + folder("libraries");
        Path home = SparkHome.of(version, "pyspark").folder();
        Path out = home.resolve("out.txt");
        Path log = home.resolve("driver.log");
        ProcessBuilder submit = new ProcessBuilder(command(home, conf))
                .redirectOutput(out.toFile())
                .redirectError(log.toFile());
        submit.environment().putAll(Map.of("PYTHONPATH", pythonPath, "PYSPARK_PYTHON", "python3"));
        Process process = submit.start();
        try {
            boolean ended = process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES);
            Map<String, String> facts = Facts.read(Files.readAllLines(out, StandardCharsets.UTF_8));
            assertThat(facts)
                    .as("ended=%s, exit=%s; the log is %s and ends with%n%s", ended, exit(process), log, tail(log))
                    .containsEntry("passed", "python");
            return facts;
        } finally {
            Processes.kill(process);
            Processes.delete(home.resolve("scratch"));
        }
    }

    /** Returns a folder of PySpark or of its libraries; aborts the test with the reason if it cannot be installed. */
    private static String folder(String name) throws InterruptedException {
        List<String> install = List.of(SparkHome.file("bin/local-pyspark").toString(), name);
        try {
            Processes.run(install); // the first time it reports its progress, too
            return Processes.run(install).strip();
        } catch (IOException e) {
            return Assumptions.abort("PySpark cannot be installed here: " + e.getMessage());
        }
    }

    /** Memory is short: sorters and windows ask for that of map tasks. */
    private static List<String> command(Path home, List<String> conf) throws IOException {
        Path scratch = Files.createDirectories(home.resolve("scratch"));
        List<String> words = new ArrayList<>(
                List.of(home.resolve("bin/spark-submit").toString(), "--master", "local-cluster[3,1,1024]"));
        List<String> settings = new ArrayList<>(List.of(
                "spark.ui.enabled=false",
                "spark.local.dir=" + scratch,
                "spark.driver.memory=1g",
                "spark.executor.memory=1g",
                "spark.memory.fraction=0.02",
                "spark.sql.shuffle.partitions=6"));
        settings.addAll(conf);
        settings.forEach(setting -> words.addAll(List.of("--conf", setting)));
        words.addAll(List.of(PROGRAM.toString(), "rows=20000"));
        return words;
    }

    private static String exit(Process process) {
        return process.isAlive() ? "none" : Integer.toString(process.exitValue());
    }

    private static String tail(Path log) throws IOException {
        List<String> lines = Files.readAllLines(log, StandardCharsets.UTF_8);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - LOG_TAIL_LINES), lines.size()));
    }
}
