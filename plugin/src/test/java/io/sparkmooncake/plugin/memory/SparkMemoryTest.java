// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class SparkMemoryTest {
    private static final long HEAP_BYTES = 10L << 30;
    private static final String KUBERNETES = "k8s://https://api:6443";

    private static SparkMemory of(Map<String, String> conf) {
        return new SparkMemory(conf, HEAP_BYTES, 32);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                // master; spark.executor.cores; spark.task.cpus; tasks; executors
                "local;;;1;1",
                "local[*];;;32;1",
                "local[4];;;4;1",
                "local[4,2];;;4;1",
                "'local-cluster[3,2,1024]';;;2;3",
                "spark://host:7077;;;32;1",
                "spark://host:7077;4;;4;8",
                "spark://host:7077;64;;64;1",
                "yarn;;;1;32",
                "yarn;4;2;2;8",
                "k8s://https://api:6443;;;1;1",
                "k8s://https://api:6443;4;;4;1",
                "'';;;32;1",
            })
    void tasksAndExecutorsOfAHost(String master, String cores, String taskCores, int tasks, int executors) {
        Map<String, String> conf = new HashMap<>(Map.of("spark.master", master));
        if (cores != null) {
            conf.put("spark.executor.cores", cores);
        }
        if (taskCores != null) {
            conf.put("spark.task.cpus", taskCores);
        }
        assertThat(of(conf).tasks()).isEqualTo(tasks);
        assertThat(of(conf).executorsOfHost()).isEqualTo(executors);
    }

    @Test
    void onlyContainersHaveAnOverhead() {
        assertThat(of(Map.of("spark.master", "spark://host:7077", "spark.executor.memoryOverhead", "4g"))
                        .overheadBytes())
                .isEmpty();
        assertThat(of(Map.of("spark.master", "yarn", "spark.executor.memoryOverhead", "4g"))
                        .overheadBytes())
                .hasValue(4L << 30);
        assertThat(of(Map.of("spark.master", KUBERNETES, "spark.executor.memoryOverhead", "1024"))
                        .overheadBytes())
                .as("a bare number counts MiB, as in Spark")
                .hasValue(1L << 30);
    }

    @Test
    void computesTheOverheadThatSparkAsksForWithThisHeap() {
        assertThat(of(Map.of("spark.master", "yarn")).overheadBytes()).hasValue(1L << 30);
        assertThat(new SparkMemory(Map.of("spark.master", "yarn"), 1L << 30, 4).overheadBytes())
                .as("384 MiB at least")
                .hasValue(384L << 20);
        assertThat(of(Map.of("spark.master", "yarn", "spark.executor.memoryOverheadFactor", "0.4"))
                        .overheadBytes())
                .hasValue(4L << 30);
        assertThat(of(Map.of("spark.master", KUBERNETES, "spark.kubernetes.memoryOverheadFactor", "0.4"))
                        .overheadBytes())
                .hasValue(4L << 30);
    }

    @Test
    void knowsDisksThatAreMemory() {
        assertThat(of(Map.of("spark.master", KUBERNETES, "spark.kubernetes.local.dirs.tmpfs", "true"))
                        .diskIsMemory())
                .isTrue();
        assertThat(of(Map.of("spark.master", KUBERNETES)).diskIsMemory()).isFalse();
        assertThat(of(Map.of("spark.master", "yarn", "spark.kubernetes.local.dirs.tmpfs", "true"))
                        .diskIsMemory())
                .isFalse();
    }

    @Test
    void aTaskUsesWhatIsInFlightAndItsWriteBuffer() {
        assertThat(of(Map.of()).taskBytes(32 << 20)).isEqualTo(80L << 20);
        assertThat(of(Map.of("spark.reducer.maxSizeInFlight", "16")).taskBytes(1 << 20))
                .isEqualTo(17L << 20);
    }
}
