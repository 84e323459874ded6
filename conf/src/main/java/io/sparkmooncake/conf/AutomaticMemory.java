// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.util.Map;

/**
 * What {@code spark.mooncake.shuffle.memory=auto} means in an executor.
 *
 * <p>On YARN and Kubernetes the container is killed at heap + overhead (+ Spark's own off-heap memory, which Spark fills), so map
 * outputs take half of the overhead: {@code spark.executor.memoryOverhead}, or what Spark computes without it. Elsewhere
 * nothing but the machine ends an executor, and half of its heap is used.
 */
public final class AutomaticMemory {
    private static final long LEAST_BYTES = 1L << 20;

    private AutomaticMemory() {}

    /**
     * Returns the limit of map outputs in bytes.
     *
     * @param conf the executor's configuration, which holds the driver's {@code spark.master}
     * @param heapBytes the most that this process's heap may take
     */
    public static long bytes(Map<String, String> conf, long heapBytes) {
        String master = conf.getOrDefault("spark.master", "");
        boolean kubernetes = master.startsWith("k8s");
        if (!kubernetes && !master.startsWith("yarn")) {
            return Math.max(LEAST_BYTES, heapBytes / 2);
        }
        String overhead = conf.get("spark.executor.memoryOverhead");
        long overheadBytes = overhead != null ? SparkOwn.mebibytesOrSize(overhead) : impliedOverhead(conf, kubernetes);
        return Math.max(LEAST_BYTES, overheadBytes / 2);
    }

    /** Spark's own rule: a tenth of the executor's memory, 384 MiB at least. */
    private static long impliedOverhead(Map<String, String> conf, boolean kubernetes) {
        String factor = conf.get("spark.executor.memoryOverheadFactor");
        if (factor == null) {
            factor = kubernetes ? conf.getOrDefault("spark.kubernetes.memoryOverheadFactor", "0.1") : "0.1";
        }
        long executorBytes = SparkOwn.mebibytesOrSize(conf.getOrDefault("spark.executor.memory", "1g"));
        long leastBytes = SparkOwn.mebibytesOrSize(conf.getOrDefault("spark.executor.minMemoryOverhead", "384m"));
        return Math.max(leastBytes, (long) (executorBytes * Double.parseDouble(factor.trim())));
    }
}
