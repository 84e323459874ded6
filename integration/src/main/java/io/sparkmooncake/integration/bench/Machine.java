// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/**
 * Where and when a comparison ran.
 *
 * @param cpu model of the processor
 * @param cores processors that the JVM sees
 * @param memoryMiB memory of the machine
 * @param jdk version of this JVM, which is the executors' too
 * @param spark version of Spark
 * @param date when it ended, in UTC
 */
record Machine(String cpu, int cores, long memoryMiB, String jdk, String spark, String date) {

    static Machine here(String sparkVersion) throws IOException {
        String memory = valueIn(Path.of("/proc/meminfo"), "MemTotal").replaceAll("[^0-9]", "");
        return new Machine(
                valueIn(Path.of("/proc/cpuinfo"), "model name"),
                Runtime.getRuntime().availableProcessors(),
                memory.isEmpty() ? 0 : Long.parseLong(memory) / 1024,
                Runtime.version().toString(),
                sparkVersion,
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    }

    private static String valueIn(Path file, String key) throws IOException {
        if (!Files.isReadable(file)) {
            return "";
        }
        return Files.readAllLines(file).stream()
                .filter(line -> line.startsWith(key))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse("");
    }
}
