// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.sparkmooncake.collectives.bootstrap.ProcessRendezvous;
import io.sparkmooncake.ml.AllReduce;
import io.sparkmooncake.shuffle.ShuffleRuntime;
import io.sparkmooncake.shuffle.read.ReadCounters.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Test;
import scala.Tuple2;

/** Spark in one process: the driver is the executor, and one application follows another. */
final class LocalModeIT {
    private static final String SORT = "org.apache.spark.shuffle.sort.SortShuffleManager";

    private static SparkConf conf() {
        return new SparkConf(false)
                .setMaster("local[2]")
                .setAppName("local")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.host", "localhost")
                .set("spark.mooncake.shuffle.memory", "64m")
                .set("spark.plugins", MooncakePlugin.class.getName());
    }

    @Test
    void oneApplicationAfterAnotherShufflesThroughMemory() {
        for (int application = 0; application < 3; application++) {
            try (JavaSparkContext sc = new JavaSparkContext(conf())) {
                assertThat(SparkEnv.get().shuffleManager().getClass().getName()).isEqualTo(StartChecks.MANAGER);
                assertThat(countByLastDigit(sc))
                        .hasSize(10)
                        .allSatisfy((digit, count) -> assertThat(count).isEqualTo(1_000));
                ShuffleRuntime runtime = ShuffleRuntime.installed().orElseThrow();
                assertThat(runtime.writes().memoryBytes()).isPositive();
                assertThat(runtime.reads().bytes(Path.IN_PROCESS)).isPositive();
            }
            assertThat(ShuffleRuntime.installed()).isEmpty();
            await().atMost(Duration.ofMinutes(2))
                    .untilAsserted(() -> assertThat(ourThreads()).isEmpty());
        }
    }

    @Test
    void tasksAreRanksInOneApplicationAfterAnother() {
        List<Integer> numbers = IntStream.range(0, 1_000).boxed().toList();
        for (int application = 0; application < 2; application++) {
            try (JavaSparkContext sc = new JavaSparkContext(conf().set("spark.mooncake.collectives.window", "4k"))) {
                double[] sum = AllReduce.sum(sc.parallelize(numbers, 2), new double[5_000], (sums, number) -> {
                    sums[number] += number;
                    return sums;
                });
                assertThat(sum).hasSize(5_000).startsWith(0, 1, 2).contains(999);
                assertThat(ProcessRendezvous.installed()).isPresent();
                assertThatThrownBy(() -> AllReduce.sum(sc.parallelize(numbers, 3), new double[1], (s, number) -> s))
                        .hasMessage("tasks=3 must run at once, one for each partition, and slots=2 (executors=1,"
                                + " spark.task.cpus=1): such a stage would never start. Use rdd.repartition(2), or give the"
                                + " application more executors or cores");
            }
            assertThat(ProcessRendezvous.installed()).isEmpty();
            await().atMost(Duration.ofMinutes(2))
                    .untilAsserted(() -> assertThat(ourThreads()).isEmpty());
        }
    }

    @Test
    void anotherManagerKeepsTheShuffle() {
        try (JavaSparkContext sc = new JavaSparkContext(conf().set("spark.shuffle.manager", "sort"))) {
            assertThat(SparkEnv.get().shuffleManager().getClass().getName()).isEqualTo(SORT);
            assertThat(countByLastDigit(sc)).hasSize(10);
            assertThat(ShuffleRuntime.installed()).isEmpty();
            assertThat(ourThreads()).as("the engine runs").isNotEmpty();
        }
    }

    @Test
    void sparkShufflesWhenTheShuffleCannotRunAndTheUserAskedForThat() {
        SparkConf conf = conf().set("spark.shuffle.useOldFetchProtocol", "true")
                .set("spark.shuffle.manager", StartChecks.MANAGER)
                .set("spark.mooncake.onUnsupported", "sort");
        try (JavaSparkContext sc = new JavaSparkContext(conf)) {
            assertThat(SparkEnv.get().shuffleManager().getClass().getName()).isEqualTo(SORT);
            assertThat(countByLastDigit(sc)).hasSize(10);
            assertThat(ShuffleRuntime.installed()).isEmpty();
            List<Integer> numbers = List.of(1, 2);
            assertThat(AllReduce.sum(sc.parallelize(numbers, 2), new double[1], (sums, number) -> {
                        sums[0] += number;
                        return sums;
                    }))
                    .containsExactly(3);
        }
    }

    @Test
    void aMistakeFailsTheStartAndLeavesNothingBehind() {
        assertThatThrownBy(() -> new JavaSparkContext(conf().set("spark.mooncake.memory.segment", "1k")).close())
                .hasMessageContaining("spark.mooncake.memory.segment=1k is not valid: 1k is less than min=1m");
        await().atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThat(ourThreads()).isEmpty());
    }

    private static Map<Integer, Integer> countByLastDigit(JavaSparkContext sc) {
        List<Integer> numbers = IntStream.range(0, 10_000).boxed().toList();
        return sc.parallelize(numbers, 4)
                .mapToPair(number -> new Tuple2<>(number % 10, 1))
                .reduceByKey(Integer::sum, 3)
                .collectAsMap();
    }

    private static List<String> ourThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(Thread::isAlive)
                .map(Thread::getName)
                .filter(name -> name.startsWith("mooncake-"))
                .toList();
    }
}
