// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.integration.hosts.HostSpec;
import java.io.IOException;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Faults of every kind under work of every kind on four hosts: {@code -Dfaults.seeds=20 -Dfaults.first=0}. With each seed Spark's own
 * shuffle meets the same faults.
 */
@Tag("campaign")
@Timeout(value = 12, unit = TimeUnit.HOURS)
final class FaultCampaignIT {
    private static final String RERUNS = "reruns.";
    private static final String CONNECTIONS = "connections.";

    @Test
    void resultsAreRightAndNoMoreIsRunAgainThanByStockSpark() throws IOException, InterruptedException {
        Map<String, Integer> ours = new TreeMap<>();
        Map<String, Integer> stock = new TreeMap<>();
        Map<String, Integer> connections = new TreeMap<>();
        int first = Integer.getInteger("faults.first", 0);
        for (int seed = first; seed < first + Integer.getInteger("faults.seeds", 20); seed++) {
            Map<String, String> facts = run(Submission.of("4.1.3", "fault-campaign"), seed, true);
            count(facts, RERUNS, ours);
            count(facts, CONNECTIONS, connections);
            count(run(Submission.plain("4.1.3", "fault-campaign"), seed, false), RERUNS, stock);
        }
        assertThat(connections)
                .as("connections that resets hit")
                .allSatisfy((fault, count) -> assertThat(count).isPositive())
                .hasSize(ours.containsKey("RESET") ? 1 : 0);
        for (String recovered : Set.of("RESET", "SHORT_CUT", "FREEZE")) {
            assertThat(ours.getOrDefault(recovered, 0))
                    .as("reruns after %s; ours: %s, stock: %s", recovered, ours, stock)
                    .isZero();
        }
        ours.forEach((fault, reruns) -> assertThat(reruns)
                .as("reruns after %s; ours: %s, stock: %s", fault, ours, stock)
                .isLessThanOrEqualTo(stock.get(fault)));
    }

    private static Map<String, String> run(Submission submission, int seed, boolean plugin)
            throws IOException, InterruptedException {
        submission.on(Layout.FOUR_HOSTS);
        return submission
                .hosts(HostSpec.unlimited().withDisk(512L << 20))
                .conf("spark.mooncake.shuffle.memory", seed % 2 == 0 ? "1m" : "64m")
                .conf("spark.speculation", "true")
                .conf("spark.speculation.quantile", "0.5")
                .argument("folder", submission.folder().resolve("streams-" + seed + "-" + plugin))
                .argument("seed", seed)
                .argument("steps", 3)
                .argument("plugin", plugin)
                .run();
    }

    /** Adds the facts of one prefix by the fault that comes behind it. */
    private static void count(Map<String, String> facts, String prefix, Map<String, Integer> counts) {
        facts.forEach((name, value) -> {
            if (name.startsWith(prefix)) {
                counts.merge(
                        name.substring(prefix.length(), name.indexOf('.', prefix.length())),
                        Integer.parseInt(value),
                        Integer::sum);
            }
        });
    }
}
