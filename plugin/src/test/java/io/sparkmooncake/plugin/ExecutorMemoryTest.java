// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparkmooncake.conf.ShuffleSettings;
import io.sparkmooncake.plugin.memory.MemoryPlan;
import io.sparkmooncake.plugin.memory.MemoryPlan.Share;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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

    /** The pool looks at the room itself, before each step, and uses what is free again. */
    @Test
    void aFileSystemThatIsFullAtStartIsALimitForNothing(@TempDir Path dir) throws Exception {
        assumeTrue(run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", dir.toString()) == 0, "needs root");
        try {
            Path others = Files.write(dir.resolve("others"), new byte[15 << 20]);
            MemoryPlan plan = ExecutorMemory.decide(
                    Map.of("spark.master", "local[2]"),
                    ShuffleSettings.read(Map.of("spark.mooncake.shuffle.memory", "8m")),
                    dir);
            assertThat(plan.outputs()).isEqualTo(new Share(8 << 20, "as set"));
            MemoryPlan automatic =
                    ExecutorMemory.decide(Map.of("spark.master", "local[2]"), ShuffleSettings.read(Map.of()), dir);
            assertThat(automatic.outputs().bytes()).isPositive();
            RegionPool pool = RegionPool.sharedMemory(
                    dir,
                    new RegionPool.Limits(automatic.outputs().bytes(), 1 << 20, Duration.ofMinutes(1)),
                    RegionListener.NONE);
            assertThat(pool.tryAllocate(1 << 20)).isEmpty();
            Files.delete(others);
            pool.tryAllocate(1 << 20).orElseThrow().release();
            pool.close();
        } finally {
            assertThat(run("umount", dir.toString())).isZero();
        }
    }

    private static int run(String... command) throws Exception {
        return new ProcessBuilder(command).inheritIO().start().waitFor();
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
