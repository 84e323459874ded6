// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparkmooncake.integration.hosts.HostSpec;
import io.sparkmooncake.integration.hosts.Hosts;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Four executors shuffle {@code -Dcontainers.megabytes=8192} between them, each beside its worker in a container of 2 GiB with 64 MiB
 * of {@code /dev/shm}. Their local directories are on the machine's disk, which needs as much room.
 */
@Tag("campaign")
@Timeout(value = 6, unit = TimeUnit.HOURS)
final class SmallContainersIT {
    @Test
    void nothingIsLostAndMemoryStaysNearThatOfStockSpark() throws IOException, InterruptedException {
        assumeTrue(
                Hosts.missingMemoryLimits().isEmpty(),
                () -> "skipped: " + Hosts.missingMemoryLimits().orElse(""));
        Map<String, String> ours = run(Submission.of("4.1.3", "small-containers"));
        Map<String, String> stock = run(Submission.plain("4.1.3", "small-containers"));
        long shuffleMemoryKib = Long.parseLong(ours.get("shuffle.memory")) >> 10;
        assertThat(peakKib(ours))
                .as("peak of resident memory in KiB; ours: %s, stock: %s", ours, stock)
                .isLessThanOrEqualTo(peakKib(stock) * 11 / 10 + shuffleMemoryKib);
    }

    private static Map<String, String> run(Submission submission) throws IOException, InterruptedException {
        Map<String, String> facts = submission
                .defaults()
                .on(Layout.FOUR_HOSTS)
                .hosts(HostSpec.unlimited().withMemory(2L << 30).withShm(64 << 20))
                .argument("megabytes", Integer.getInteger("containers.megabytes", 8192))
                .deadline(Duration.ofHours(2))
                .run();
        assertThat(facts).containsEntry("fetches-failed", "0").containsEntry("tasks-failed", "0");
        return facts;
    }

    private static long peakKib(Map<String, String> facts) {
        return facts.entrySet().stream()
                .filter(fact -> fact.getKey().endsWith(".VmHWM"))
                .mapToLong(fact -> Long.parseLong(fact.getValue()))
                .max()
                .orElseThrow();
    }
}
