// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * One shuffle after the other without any clean-up but Spark's own, which follows the garbage collections of the driver:
 * {@code -Dlong.shuffles=500 -Dlong.megabytes=200 -Dlong.layout=THREE_TCP}.
 */
@Tag("campaign")
@Timeout(value = 6, unit = TimeUnit.HOURS)
final class LongApplicationIT {
    private static final long MIB = 1 << 20;
    private static final long SHUFFLE_MEMORY_MIB = 512;

    /** What resident memory may grow by after the first quarter of the run: code, buffers of the network, memory of the JVM. */
    private static final long GROWTH_BYTES = 64 * MIB;

    /** What serialization and checksums add to rows, and regions of which some is free. */
    private static final long DISK_BYTES = 1024 * MIB;

    @Test
    void memoryAndDiskStayWithinTheirLimits() throws IOException, InterruptedException {
        Layout layout = Layout.valueOf(System.getProperty("long.layout", "THREE_TCP"));
        assertThat(layout.hasHosts())
                .as("the driver counts the files of executors of its own machine")
                .isFalse();
        Map<String, String> facts = Submission.of("4.1.3", "long-application")
                .defaults()
                .on(layout)
                .conf("spark.mooncake.shuffle.memory", SHUFFLE_MEMORY_MIB + "m")
                .conf("spark.driver.memory", "512m")
                // Half an hour by default, which would leave all of it to the disk.
                .conf("spark.cleaner.periodicGC.interval", "2min")
                // The heap is resident from the beginning: whatever grows is not the heap.
                .conf("spark.executor.extraJavaOptions", "-Xms1g -XX:+AlwaysPreTouch")
                .argument("shuffles", Integer.getInteger("long.shuffles", 500))
                .argument("megabytes", Integer.getInteger("long.megabytes", 200))
                .deadline(Duration.ofHours(3))
                .run();
        assertThat(facts).containsEntry("fetches-failed", "0").containsEntry("tasks-failed", "0");
        assertThat(bytes(facts, "shared"))
                .as("shared memory: %s", facts)
                .isLessThanOrEqualTo(layout.executors() * SHUFFLE_MEMORY_MIB * MIB);
        assertThat(bytes(facts, "resident.last-quarter"))
                .as("resident memory: %s", facts)
                .isLessThanOrEqualTo(bytes(facts, "resident.second-quarter") + layout.executors() * GROWTH_BYTES);
        assertThat(bytes(facts, "disk.beyond-live")).as("disk: %s", facts).isLessThanOrEqualTo(DISK_BYTES);
    }

    private static long bytes(Map<String, String> facts, String name) {
        return Long.parseLong(facts.get(name));
    }
}
