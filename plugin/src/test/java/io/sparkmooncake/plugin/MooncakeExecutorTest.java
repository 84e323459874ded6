// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The executor's plugin in a process whose Spark has not loaded it. */
final class MooncakeExecutorTest {
    private static final Map<String, String> TOLD = ApplicationSecret.handOut(false);

    private final MooncakeDriver driver = new MooncakeDriver();
    private final MooncakeExecutor executor = new MooncakeExecutor();
    private final SparkContext sc = SparkContext.getOrCreate(new SparkConf(false)
            .setMaster("local[1]")
            .setAppName("executor")
            .set("spark.ui.enabled", "false")
            .set("spark.driver.host", "localhost"));

    @AfterEach
    void stop() {
        executor.shutdown();
        sc.stop();
    }

    @Test
    void publishesItselfAndLeavesNothingBehind() {
        driver.init(sc, new FakePluginContext("driver"));
        driver.registerMetrics("app", driverContext);
        executor.init(context().askingDriver(driver::receive), TOLD);
        assertThat(driverContext.gauges()).containsEntry("store.keys", 1L);
        assertThat(ourThreads()).isNotEmpty();
        executor.shutdown();
        assertThat(driverContext.gauges()).containsEntry("store.keys", 0L);
        await().atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThat(ourThreads()).isEmpty());
    }

    private final FakePluginContext driverContext = new FakePluginContext("driver");

    @Test
    void measuresWhatTheRuntimeCounts() {
        driver.init(sc, driverContext);
        FakePluginContext context = context()
                .askingDriver(driver::receive)
                .set("spark.shuffle.manager", StartChecks.MANAGER)
                .set("spark.mooncake.shuffle.memory", "64m");
        executor.init(context, TOLD);
        assertThat(context.gauges())
                .containsEntry("memory.limit.bytes", 64L << 20)
                .containsEntry("memory.used.bytes", 0L)
                .containsEntry("read.bytes.inprocess", 0L)
                .containsEntry("read.bytes.shm", 0L)
                .containsEntry("read.bytes.tcp", 0L)
                .containsEntry("read.retries.lookup", 0L)
                .containsEntry("read.wait.millis", 0L)
                .containsEntry("write.bytes.memory", 0L)
                .containsEntry("write.bytes.disk", 0L)
                .containsEntry("leases.live", 0L)
                .containsEntry("transfer.shm.read.bytes", 0L)
                .containsEntry("transfer.tcp.read.bytes", 0L);
    }

    /** One warning, although the path shm and the memory of map outputs both miss the directory. */
    @Test
    void aMemoryDirectoryThatCannotBeUsedIsOneWarningThatSaysWhy(@TempDir Path dir) {
        driver.init(sc, driverContext);
        Path missing = dir.resolve("missing");
        FakePluginContext context = context()
                .askingDriver(driver::receive)
                .set("spark.shuffle.manager", StartChecks.MANAGER)
                .set("spark.mooncake.memory.dir", missing.toString());
        assertThat(warningOfTheMemoryDirectory(context))
                .contains(
                        "path shm is not offered: cannot make shared memory in " + missing,
                        "NoSuchFileException",
                        "Check spark.mooncake.memory.dir");
        assertThat(context.gauges()).containsEntry("memory.limit.bytes", 0L);
    }

    /** Starts the executor; fails unless there is exactly one. */
    private String warningOfTheMemoryDirectory(FakePluginContext context) {
        try (Warnings warnings = Warnings.record()) {
            executor.init(context, TOLD);
            List<String> found = warnings.lines().stream()
                    .filter(line -> line.contains("spark.mooncake.memory.dir"))
                    .toList();
            assertThat(found).hasSize(1);
            return found.get(0);
        }
    }

    /** Without the path shm nobody else looks at the directory. */
    @Test
    void aMemoryDirectoryThatOnlyMapOutputsMissIsOneWarningToo(@TempDir Path dir) {
        driver.init(sc, driverContext);
        FakePluginContext context = context()
                .askingDriver(driver::receive)
                .set("spark.shuffle.manager", StartChecks.MANAGER)
                .set("spark.mooncake.transfer.paths", "tcp")
                .set("spark.mooncake.memory.dir", dir.resolve("missing").toString());
        assertThat(warningOfTheMemoryDirectory(context))
                .contains(
                        "executor 7: map outputs take up to 0 MiB of shared memory (spark.mooncake.memory.dir cannot"
                                + " be used: ",
                        "NoSuchFileException",
                        "100 % go to disk: give spark.mooncake.memory.dir more room");
    }

    @Test
    void failsWithinItsDeadlineWhenTheDriverIsGone() {
        FakePluginContext context = context()
                .set("spark.mooncake.connect.timeout", "500ms")
                .askingDriver(message -> {
                    throw new IllegalStateException("Driver endpoint is not known.");
                });
        assertThatThrownBy(() -> executor.init(context, TOLD))
                .hasMessageStartingWith("spark-mooncake did not start on executor 7 (localhost): ")
                .hasMessageContaining("Driver endpoint is not known.")
                .hasMessageContaining("Check that the driver is alive");
        await().atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThat(ourThreads()).isEmpty());
    }

    @Test
    void failsWithinItsDeadlineWhenTheDriverHangs() {
        FakePluginContext context = context()
                .set("spark.mooncake.connect.timeout", "500ms")
                .askingDriver(message -> {
                    try {
                        Thread.sleep(60_000);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    throw new IllegalStateException("too late");
                });
        assertThatThrownBy(() -> executor.init(context, TOLD))
                .hasMessageContaining("check that the driver is alive and not in a long garbage collection");
        await().atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThat(ourThreads()).isEmpty());
    }

    @Test
    void refusesASecondExecutorUnderItsName() {
        driver.init(sc, driverContext);
        executor.init(context().askingDriver(driver::receive), TOLD);
        assertThatThrownBy(() -> new MooncakeExecutor().init(context().askingDriver(driver::receive), TOLD))
                .hasMessageContaining("key=peers/7 is held by live 7 (")
                .hasMessageContaining("Two processes use one name");
    }

    private static FakePluginContext context() {
        return new FakePluginContext("7");
    }

    private static List<String> ourThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(Thread::isAlive)
                .map(Thread::getName)
                .filter(name -> name.startsWith("mooncake-"))
                .toList();
    }
}
