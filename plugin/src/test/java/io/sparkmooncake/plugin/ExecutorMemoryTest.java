// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.conf.ShuffleSettings;
import io.sparkmooncake.plugin.memory.MemoryPlan;
import io.sparkmooncake.plugin.memory.MemoryPlan.Share;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ExecutorMemoryTest {
    private static final Share SCRATCH = new Share(1 << 20, "as set");

    @Test
    void theFileSystemLimitsWhatIsSet(@TempDir Path dir) {
        long capacity = RegionPool.capacityBytes(dir);
        MemoryPlan small = new MemoryPlan(new Share(1, "as set"), SCRATCH);
        assertThat(ExecutorMemory.limited(small, dir)).isEqualTo(small);
        MemoryPlan large = new MemoryPlan(new Share(Long.MAX_VALUE, "as set"), SCRATCH);
        MemoryPlan limited = ExecutorMemory.limited(large, dir);
        assertThat(limited.outputs().bytes()).isEqualTo(capacity);
        assertThat(limited.outputs().reason()).contains("the size of " + dir);
        assertThat(limited.scratch()).isEqualTo(SCRATCH);
    }

    @Test
    void aDirectoryThatTakesNoFileLeavesEverythingToTheDisks(@TempDir Path dir) {
        MemoryPlan limited =
                ExecutorMemory.limited(new MemoryPlan(new Share(1 << 20, "as set"), SCRATCH), dir.resolve("missing"));
        assertThat(limited.outputs().bytes()).isZero();
        assertThat(limited.outputs().reason())
                .contains("spark.mooncake.memory.dir cannot be used", "NoSuchFile", "missing");
    }

    @Test
    void decidesOnThisMachine() {
        MemoryPlan plan = ExecutorMemory.decide(
                Map.of("spark.master", "local[2]"), ShuffleSettings.read(Map.of()), Path.of("/dev/shm"));
        assertThat(plan.outputs().bytes())
                .isLessThanOrEqualTo(Runtime.getRuntime().maxMemory() / 2);
        assertThat(plan.outputs().reason()).isNotEqualTo("as set");
        assertThat(plan.scratch().bytes()).isPositive();
        MemoryPlan set = ExecutorMemory.decide(
                Map.of("spark.master", "local[2]"),
                ShuffleSettings.read(
                        Map.of("spark.mooncake.shuffle.memory", "1m", "spark.mooncake.shuffle.scratch", "20m")),
                Path.of("/dev/shm"));
        assertThat(set).isEqualTo(new MemoryPlan(new Share(1 << 20, "as set"), new Share(20 << 20, "as set")));
    }
}
