// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin.memory;

import java.util.Map;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.network.util.JavaUtils;

/**
 * What Spark's configuration says about an executor's memory and its neighbours. An executor does not see the resource profile that
 * it was started with, except in its heap and in the limits of its container.
 *
 * @param conf the executor's configuration, which holds the driver's {@code spark.master}
 * @param heapBytes the most that this process's heap may take
 * @param hostCores of the machine, or of the container
 */
public record SparkMemory(Map<String, String> conf, long heapBytes, int hostCores) {
    private static final Pattern LOCAL = Pattern.compile("local(?:\\[(\\d+|\\*)(?:,\\s*\\d+)?])?");
    private static final Pattern LOCAL_CLUSTER = Pattern.compile("local-cluster\\[\\s*(\\d+)\\s*,\\s*(\\d+)\\s*,.*]");

    /** Copies the configuration. */
    public SparkMemory {
        conf = Map.copyOf(conf);
    }

    private String master() {
        return conf.getOrDefault("spark.master", "");
    }

    private boolean isKubernetes() {
        return master().startsWith("k8s");
    }

    private boolean isContainer() {
        return isKubernetes() || master().startsWith("yarn");
    }

    /** Returns how many tasks an executor runs at once. */
    public int tasks() {
        int taskCores = Math.max(
                1, Integer.parseInt(conf.getOrDefault("spark.task.cpus", "1").trim()));
        return Math.max(1, executorCores() / taskCores);
    }

    private int executorCores() {
        Matcher local = LOCAL.matcher(master());
        if (local.matches()) {
            String threads = local.group(1);
            return threads == null ? 1 : threads.equals("*") ? hostCores : Integer.parseInt(threads);
        }
        Matcher cluster = LOCAL_CLUSTER.matcher(master());
        if (cluster.matches()) {
            return Integer.parseInt(cluster.group(2));
        }
        String cores = conf.get("spark.executor.cores");
        return cores != null ? Integer.parseInt(cores.trim()) : isContainer() ? 1 : hostCores;
    }

    /** Returns how many executors share this machine and its memory file system, at most. */
    public int executorsOfHost() {
        Matcher cluster = LOCAL_CLUSTER.matcher(master());
        if (cluster.matches()) {
            return Math.max(1, Integer.parseInt(cluster.group(1)));
        }
        if (isKubernetes() || LOCAL.matcher(master()).matches()) {
            return 1;
        }
        return Math.max(1, hostCores / Math.max(1, executorCores()));
    }

    /** Returns the memory outside the heap that a task uses at once, when blocks are transferred and compressed. */
    public long taskBytes(long writeBufferBytes) {
        String inFlight = conf.getOrDefault("spark.reducer.maxSizeInFlight", "48m");
        return mebibytes(inFlight) + writeBufferBytes;
    }

    /**
     * Returns what the container has beside the heap and Spark's own off-heap memory, on YARN and Kubernetes:
     * {@code spark.executor.memoryOverhead}, or what Spark computes for a heap of this size.
     */
    public OptionalLong overheadBytes() {
        if (!isContainer()) {
            return OptionalLong.empty();
        }
        String overhead = conf.get("spark.executor.memoryOverhead");
        return OptionalLong.of(overhead != null ? mebibytes(overhead) : impliedOverhead());
    }

    /** Spark's own rule: a tenth of the executor's memory, 384 MiB at least. */
    private long impliedOverhead() {
        String factor = conf.get("spark.executor.memoryOverheadFactor");
        if (factor == null) {
            factor = isKubernetes() ? conf.getOrDefault("spark.kubernetes.memoryOverheadFactor", "0.1") : "0.1";
        }
        long least = mebibytes(conf.getOrDefault("spark.executor.minMemoryOverhead", "384m"));
        return Math.max(least, (long) (heapBytes * Double.parseDouble(factor.trim())));
    }

    /** Returns whether the local directories of a pod are memory, which counts against its limit. */
    public boolean diskIsMemory() {
        return isKubernetes()
                && Boolean.parseBoolean(conf.getOrDefault("spark.kubernetes.local.dirs.tmpfs", "false")
                        .trim());
    }

    private static long mebibytes(String text) {
        return JavaUtils.byteStringAsMb(text.trim()) << 20;
    }
}
