// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/** What this process holds that a transport could leak: descriptors, mapped files and named threads, each with its count. */
public final class Footprint {
    private final Path regionDir;
    private final Map<String, Long> held;

    private Footprint(Path regionDir, Map<String, Long> held) {
        this.regionDir = regionDir;
        this.held = held;
    }

    /** Looks at this process now. Regions are files of {@code regionDir}. */
    public static Footprint take(Path regionDir) throws IOException {
        return new Footprint(regionDir, look(regionDir));
    }

    /** Fails unless this process holds within two minutes what it held then, naming every difference. */
    public void assertRestored() {
        Awaitility.await()
                .atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThat(look(regionDir))
                        .as("descriptors, mappings, threads")
                        .isEqualTo(held));
    }

    private static Map<String, Long> look(Path regionDir) throws IOException {
        Map<String, Long> seen = new TreeMap<>();
        String prefix = regionDir.toString() + "/";
        for (String target : descriptors()) {
            if (target.startsWith(prefix)) {
                seen.merge("fd of a region", 1L, Long::sum);
            } else if (target.startsWith("socket:") || target.contains("[eventpoll]")) {
                seen.merge("fd " + target.replaceAll("\\d+", "N"), 1L, Long::sum);
            }
        }
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
            long mapped = lines.filter(line -> line.contains(" " + prefix)).count();
            if (mapped > 0) {
                seen.put("mapping of a region", mapped);
            }
        }
        seen.putAll(Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("mooncake"))
                .collect(Collectors.groupingBy(name -> "thread " + name, Collectors.counting())));
        return seen;
    }

    private static List<String> descriptors() throws IOException {
        try (DirectoryStream<Path> links = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            Stream.Builder<String> targets = Stream.builder();
            for (Path link : links) {
                try {
                    targets.add(Files.readSymbolicLink(link).toString());
                } catch (IOException e) {
                    targets.add("closed since it was listed");
                }
            }
            return targets.build().toList();
        }
    }
}
