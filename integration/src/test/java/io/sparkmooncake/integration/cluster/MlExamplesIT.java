// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparkmooncake.integration.hosts.Processes;
import io.sparkmooncake.integration.program.Facts;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The examples of Java give what Spark ML gives, those of Scala what Java's give, and those of Python what plain Python gives. */
final class MlExamplesIT {
    @Test
    void examplesGiveWhatSparkMlGives() throws IOException, InterruptedException {
        onEveryLayout(Layout.THREE_ON_ONE_HOST);
    }

    @Tag("campaign")
    @ParameterizedTest
    @EnumSource
    void onEveryLayout(Layout layout) throws IOException, InterruptedException {
        // On the class path, as in a whole Spark: Spark ML's Summarizer finds its classes nowhere else.
        String sparkMl = SparkHome.sparkMlClassPath();
        Submission submission = Submission.of("4.1.3", "ml-examples")
                .on(layout)
                .conf("spark.driver.extraClassPath", sparkMl)
                .conf("spark.executor.extraClassPath", sparkMl);
        Map<String, String> facts =
                submission.jars(compileScala(submission.folder()).toString()).run();
        assertThat(facts).hasEntrySatisfying("mean-and-variance", difference -> isLess(difference, 1e-9));
        assertThat(facts).hasEntrySatisfying("sparse-sum", difference -> isLess(difference, 1e-9));
        assertThat(facts).hasEntrySatisfying("k-means", difference -> isLess(difference, 1e-9));
        assertThat(facts).hasEntrySatisfying("logistic-regression", difference -> isLess(difference, 1e-6));
        assertThat(facts).hasEntrySatisfying("scala-mean-and-variance", difference -> isLess(difference, 1e-9));
        assertThat(facts).hasEntrySatisfying("scala-k-means", difference -> isLess(difference, 1e-9));
        assertThat(facts).hasEntrySatisfying("scala-logistic-regression", difference -> isLess(difference, 1e-6));
    }

    private static void isLess(String difference, double limit) {
        assertThat(Double.parseDouble(difference)).isLessThan(limit);
    }

    /** Compiles the examples as a user would, against Spark and the shipped jar. */
    private static Path compileScala(Path home) throws IOException, InterruptedException {
        Path jar = home.resolve("scala-examples.jar");
        Path compiler = Path.of(System.getProperty("java.io.tmpdir"), "scala", "scala-compiler.jar");
        String spark = home.resolve("jars") + File.separator + "*";
        Processes.run(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                compiler + File.pathSeparator + spark,
                "scala.tools.nsc.Main",
                "-Werror",
                "-classpath",
                String.join(
                        File.pathSeparator,
                        spark,
                        SparkHome.sparkMlClassPath(),
                        SparkHome.pluginJar().toString()),
                "-d",
                jar.toString(),
                SparkHome.file("integration/examples/MlExamples.scala").toString()));
        return jar;
    }

    /** Over Py4J's gateway, which is what PySpark's {@code sc._jvm} is. */
    @Test
    void pythonSumsColumnsAsRanks() throws IOException, InterruptedException {
        assumeTrue(hasPython(), "no python3 can be started here: apt-get install python3");
        SparkHome home = SparkHome.of("4.1.3", "python");
        Path folder = home.folder().resolve("python");
        Processes.delete(folder);
        Files.createDirectories(folder);
        String told = Processes.run(List.of(
                "env",
                "PYTHONPATH=" + Path.of(System.getProperty("java.io.tmpdir"), "python", "py4j-src-0.10.7.zip"),
                "python3",
                SparkHome.file("integration/src/test/python/examples_over_py4j.py")
                        .toString(),
                home.folder().toString(),
                SparkHome.pluginJar().toString(),
                folder.toString()));
        assertThat(Facts.read(told.lines().toList()))
                .containsEntry("mean-and-variance", "right")
                .containsEntry("k-means", "right")
                .containsEntry("logistic-regression", "right")
                .containsEntry("passed", "python");
    }

    private static boolean hasPython() throws InterruptedException {
        try {
            Processes.run(List.of("python3", "--version"));
            return true;
        } catch (IOException missing) {
            return false;
        }
    }
}
