// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import com.sun.management.HotSpotDiagnosticMXBean;
import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.conf.ShuffleSettings;
import io.sparkmooncake.plugin.memory.HostMemory;
import io.sparkmooncake.plugin.memory.MemoryFacts;
import io.sparkmooncake.plugin.memory.MemoryPlan;
import io.sparkmooncake.plugin.memory.MemoryPlan.Share;
import io.sparkmooncake.plugin.memory.SparkMemory;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionPool;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decides once, at the start of an executor, how much memory it takes outside the heap, and logs what decided it. */
final class ExecutorMemory {
    private static final Logger LOG = LoggerFactory.getLogger(ExecutorMemory.class);

    private static final String UNUSABLE = Settings.MEMORY_DIR.key() + " cannot be used: ";

    private ExecutorMemory() {}

    /**
     * Decides.
     *
     * @param conf the executor's configuration
     * @param directory of shareable memory
     */
    static MemoryPlan decide(Map<String, String> conf, ShuffleSettings shuffle, Path directory) {
        Runtime runtime = Runtime.getRuntime();
        SparkMemory spark = new SparkMemory(conf, runtime.maxMemory(), runtime.availableProcessors());
        HostMemory host = new HostMemory(Path.of("/"));
        MemoryFacts facts = new MemoryFacts(
                new MemoryFacts.Executor(
                        runtime.maxMemory(),
                        directBytes(runtime.maxMemory()),
                        host.residentBytes(),
                        spark.tasks(),
                        spark.taskBytes(shuffle.writeBufferBytes())),
                spark.overheadBytes(),
                host.ceilings(),
                RegionPool.capacityBytes(directory),
                spark.executorsOfHost());
        if (spark.diskIsMemory()) {
            LOG.warn(
                    "spark.kubernetes.local.dirs.tmpfs=true: map outputs that do not fit {} take memory of the pod as well",
                    Settings.SHUFFLE_MEMORY.key());
        }
        return limited(MemoryPlan.of(facts, shuffle.memoryBytes(), shuffle.scratchBytes()), directory);
    }

    /** The file system is a limit whatever the setting is; a directory that takes no file leaves everything to the disks. */
    static MemoryPlan limited(MemoryPlan plan, Path directory) {
        try {
            Regions.create(directory, 1, Location.ANY).release();
        } catch (IOException e) {
            return new MemoryPlan(new Share(0, UNUSABLE + e), plan.scratch());
        }
        long capacity = RegionPool.capacityBytes(directory);
        return plan.outputs().bytes() <= capacity
                ? plan
                : new MemoryPlan(
                        new Share(capacity, "the size of " + directory + " less what it keeps for others"),
                        plan.scratch());
    }

    /**
     * Logs once where map outputs go; a warning if much of them goes to disk.
     *
     * @param paths of the engine, which warns itself if it has shm and the directory cannot be used
     * @param wantedBytes what map outputs would take if nothing limited them
     */
    static void log(String executor, MemoryPlan plan, List<String> paths, long wantedBytes, List<Path> disks) {
        Share outputs = plan.outputs();
        String line = "executor " + executor + ": map outputs take up to " + (outputs.bytes() >> 20)
                + " MiB of shared memory (" + outputs.reason() + "), then go to " + disks + "; scratch memory up to "
                + (plan.scratch().bytes() >> 20) + " MiB (" + plan.scratch().reason() + ")";
        boolean warned = outputs.reason().startsWith(UNUSABLE) && paths.contains("shm");
        if (outputs.bytes() < wantedBytes / 4 && !warned) {
            LOG.warn(
                    "{}. Of {} MiB of map outputs, {} % go to disk: give {} more room, or the container more memory",
                    line, wantedBytes >> 20, 100 - 100 * outputs.bytes() / wantedBytes, Settings.MEMORY_DIR.key());
        } else {
            LOG.info("{}", line);
        }
    }

    private static long directBytes(long heapBytes) {
        try {
            long set = Long.parseLong(ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
                    .getVMOption("MaxDirectMemorySize")
                    .getValue());
            return set > 0 ? set : heapBytes;
        } catch (RuntimeException | LinkageError notHotSpot) {
            return heapBytes;
        }
    }
}
