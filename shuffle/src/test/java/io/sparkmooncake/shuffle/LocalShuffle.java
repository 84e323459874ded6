// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle;

import io.sparkmooncake.conf.ShuffleSettings;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** A real Spark in this process, whose shuffle runs on ours: {@code local[2]}. */
final class LocalShuffle implements AutoCloseable {
    private final SparkSession spark;
    private final ShuffleRuntime runtime;
    private final List<Long> connectNanos = new CopyOnWriteArrayList<>();

    LocalShuffle(Path directory, long memoryBytes, Map<String, String> settings) {
        SparkConf conf = new SparkConf()
                .setMaster("local[2]")
                .setAppName("local shuffle")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.bindAddress", "127.0.0.1")
                .set("spark.driver.host", "127.0.0.1")
                .set("spark.local.dir", directory.toString())
                .set("spark.unsafe.exceptionOnMemoryLeak", "true")
                .set("spark.shuffle.manager", MooncakeShuffleManager.class.getName())
                .set("spark.sql.shuffle.partitions", "7");
        settings.forEach(conf::set);
        RegionPool.Limits limits = new RegionPool.Limits(memoryBytes, 16 << 20, Duration.ofSeconds(60));
        RegionPool.Limits unlimited = new RegionPool.Limits(Long.MAX_VALUE, 16 << 20, Duration.ofSeconds(60));
        runtime = ShuffleRuntime.start(
                conf,
                ShuffleSettings.read(new HashMap<>(settings)),
                new ExecutorResources(
                        new LoneEngine(),
                        name -> {
                            connectNanos.add(System.nanoTime());
                            return CompletableFuture.failedFuture(
                                    new TransferException(Code.UNREACHABLE, "executor " + name + " is not here"));
                        },
                        () -> true,
                        RegionPool.sharedMemory(Path.of("/dev/shm"), limits, RegionListener.NONE),
                        RegionPool.files(List.of(directory), unlimited, RegionListener.NONE),
                        RegionPool.privateMemory(unlimited),
                        Duration.ofSeconds(10)));
        spark = SparkSession.builder().config(conf).getOrCreate();
    }

    SparkSession spark() {
        return spark;
    }

    ShuffleRuntime runtime() {
        return runtime;
    }

    /** Returns the times at which tasks asked for a connection to another executor; each attempt fails, since there is none. */
    List<Long> connectNanos() {
        return connectNanos;
    }

    @Override
    public void close() {
        spark.stop();
        runtime.close();
    }
}
