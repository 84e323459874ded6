// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

final class AutomaticMemoryTest {
    private static final long HEAP_BYTES = 8L << 30;

    @Test
    void isHalfOfTheHeapWhereNoContainerEndsTheExecutor() {
        assertThat(AutomaticMemory.bytes(Map.of("spark.master", "spark://host:7077"), HEAP_BYTES))
                .isEqualTo(4L << 30);
        assertThat(AutomaticMemory.bytes(Map.of("spark.master", "local[*]"), HEAP_BYTES))
                .isEqualTo(4L << 30);
        assertThat(AutomaticMemory.bytes(Map.of(), HEAP_BYTES)).isEqualTo(4L << 30);
    }

    @Test
    void isHalfOfTheOverheadInAContainer() {
        assertThat(AutomaticMemory.bytes(
                        Map.of("spark.master", "yarn", "spark.executor.memoryOverhead", "4g"), HEAP_BYTES))
                .isEqualTo(2L << 30);
        assertThat(AutomaticMemory.bytes(
                        Map.of("spark.master", "k8s://https://api:6443", "spark.executor.memoryOverhead", "1024"),
                        HEAP_BYTES))
                .as("a bare number counts MiB, as in Spark")
                .isEqualTo(512L << 20);
    }

    @Test
    void leavesSparksOwnOffHeapMemoryToSpark() {
        assertThat(AutomaticMemory.bytes(
                        Map.of(
                                "spark.master", "yarn",
                                "spark.executor.memoryOverhead", "1g",
                                "spark.memory.offHeap.enabled", "true",
                                "spark.memory.offHeap.size", "10g"),
                        HEAP_BYTES))
                .isEqualTo(512L << 20);
    }

    @Test
    void computesTheOverheadThatSparkWouldAskFor() {
        assertThat(AutomaticMemory.bytes(Map.of("spark.master", "yarn"), HEAP_BYTES))
                .as("384 MiB at least")
                .isEqualTo(192L << 20);
        assertThat(AutomaticMemory.bytes(Map.of("spark.master", "yarn", "spark.executor.memory", "20g"), HEAP_BYTES))
                .isEqualTo(1L << 30);
        assertThat(AutomaticMemory.bytes(
                        Map.of(
                                "spark.master", "yarn",
                                "spark.executor.memory", "10g",
                                "spark.executor.memoryOverheadFactor", "0.4"),
                        HEAP_BYTES))
                .isEqualTo(2L << 30);
        assertThat(AutomaticMemory.bytes(
                        Map.of(
                                "spark.master", "k8s://https://api:6443",
                                "spark.executor.memory", "10g",
                                "spark.kubernetes.memoryOverheadFactor", "0.4"),
                        HEAP_BYTES))
                .isEqualTo(2L << 30);
    }
}
