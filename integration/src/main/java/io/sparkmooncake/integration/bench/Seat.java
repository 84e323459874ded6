// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import java.nio.file.Path;
import java.util.List;

/**
 * One side of a comparison.
 *
 * @param name what the tables call it
 * @param submitArguments what this side adds to the {@code spark-submit} command line
 */
record Seat(String name, List<String> submitArguments) {

    /** Copies {@code submitArguments}. */
    Seat {
        submitArguments = List.copyOf(submitArguments);
    }

    /** Spark's own shuffle. */
    static Seat stock() {
        return new Seat("stock", List.of());
    }

    /** The plugin in {@code jar}, switched on as its users do. */
    static Seat mooncake(Path jar, String sparkVersion) {
        String plugin = "spark.plugins=io.sparkmooncake.plugin.MooncakePlugin";
        if (!sparkVersion.startsWith("3.")) {
            return new Seat("mooncake", List.of("--jars", jar.toString(), "--conf", plugin));
        }
        // Spark 3.5 makes the shuffle manager before it runs plugins and before it fetches --jars.
        return new Seat(
                "mooncake",
                List.of(
                        "--conf",
                        plugin,
                        "--conf",
                        "spark.shuffle.manager=io.sparkmooncake.shuffle.MooncakeShuffleManager",
                        "--conf",
                        "spark.driver.extraClassPath=" + jar,
                        "--conf",
                        "spark.executor.extraClassPath=" + jar));
    }
}
