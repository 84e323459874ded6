// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.integration.workload.Arguments;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;

/**
 * What {@code integration/launch} tells every program: which Spark, which jars, where to write.
 *
 * @param sparkVersion version of Spark
 * @param cluster where applications run
 * @param pluginJar the jar under test
 * @param output folder for results and logs
 */
record Setting(String sparkVersion, Cluster cluster, Path pluginJar, Path output) {
    static final Set<String> ARGUMENTS =
            Set.of("spark", "spark-home", "application-jar", "plugin-jar", "scratch", "output", "deadline-minutes");

    static Setting of(Arguments arguments) {
        Path output = Path.of(arguments.text("output", "target/bench"));
        Cluster cluster = new Cluster(
                Path.of(arguments.text("spark-home", "")),
                Path.of(arguments.text("application-jar", "")),
                Path.of(arguments.text("scratch", "")),
                output.resolve("logs").toAbsolutePath(),
                Duration.ofMinutes(arguments.count("deadline-minutes", 60)),
                null);
        return new Setting(arguments.text("spark", ""), cluster, Path.of(arguments.text("plugin-jar", "")), output);
    }

    /** The side called {@code name}. */
    Seat seat(String name) {
        return switch (name) {
            case "mooncake" -> Seat.mooncake(pluginJar, sparkVersion);
            case "stock" -> Seat.stock();
            default -> throw new BenchFailure("no side '" + name + "'; known: mooncake, stock");
        };
    }
}
