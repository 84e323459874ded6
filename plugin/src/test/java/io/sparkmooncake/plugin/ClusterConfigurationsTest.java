// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sparkmooncake.conf.Settings;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The ready configurations, read as Spark reads them and put through the checks of the start. */
final class ClusterConfigurationsTest {
    private static final Path CLUSTERS = Path.of("..", "conf", "clusters");

    static List<Path> configurations() throws IOException {
        try (Stream<Path> files = Files.walk(CLUSTERS)) {
            return files.filter(file ->
                            file.toString().endsWith(".conf") || file.toString().endsWith(".json"))
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("configurations")
    void passesTheChecksOfTheStart(Path file) throws IOException {
        Map<String, String> conf = read(file);
        assertThat(conf).containsEntry("spark.plugins", MooncakePlugin.class.getName());
        Settings.check(conf);
        String version = folder(file).endsWith("-3.5") ? "3.5.9" : "4.0.4";
        Platform platform = new Platform(version, "2.13.16", "Linux", List::of, List::of);
        assertThat(StartChecks.obstacle(platform, conf)).isEmpty();
        assertThat(conf.getOrDefault(StartChecks.MANAGER_KEY, StartChecks.MANAGER))
                .isEqualTo(StartChecks.MANAGER);
    }

    @ParameterizedTest
    @MethodSource("configurations")
    void isListedInTheReadme(Path file) throws IOException {
        assertThat(CLUSTERS.resolve("README.md")).content().contains("| `" + folder(file) + "` |");
    }

    @Test
    void everyLineHasAnExplanationAboveIt() throws IOException {
        for (Path file : configurations()) {
            List<String> unexplained = new ArrayList<>();
            boolean explained = false;
            for (String line : Files.readAllLines(file)) {
                if (line.isBlank()) {
                    explained = false;
                } else if (line.startsWith("#")) {
                    explained = true;
                } else if (line.startsWith("spark.") && !explained) {
                    unexplained.add(line);
                }
            }
            assertThat(unexplained).as(file.toString()).isEmpty();
        }
    }

    private static String folder(Path file) {
        return file.getName(file.getNameCount() - 2).toString();
    }

    private static Map<String, String> read(Path file) throws IOException {
        if (file.toString().endsWith(".json")) {
            JsonNode cluster = new ObjectMapper().readTree(file.toFile());
            Map<String, String> conf = new HashMap<>();
            cluster.required("spark_conf")
                    .properties()
                    .forEach(setting ->
                            conf.put(setting.getKey(), setting.getValue().asText()));
            return conf;
        }
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        }
        Map<String, String> conf = new HashMap<>();
        properties
                .stringPropertyNames()
                .forEach(key -> conf.put(key, properties.getProperty(key).trim()));
        return conf;
    }
}
