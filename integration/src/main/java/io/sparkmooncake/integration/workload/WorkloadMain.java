// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.MapOutputTrackerMaster;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.SparkSession;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The application: runs the named workloads again and again in one warm set of executors, checks every result, and
 * prints one JSON line, a {@link Repetition}, per run.
 */
public final class WorkloadMain {
    /** Every argument the application takes. */
    public static final Set<String> ARGUMENTS = Set.of(
            "workloads",
            "warmups",
            "repetitions",
            "size",
            "rows",
            "payload",
            "maps",
            "partitions",
            "keys",
            "scale",
            "seed");

    private static final long LISTENER_DEADLINE_MILLIS = TimeUnit.MINUTES.toMillis(2);

    private final SparkSession spark;
    private final StageListener listener = new StageListener();
    private final ObjectMapper json = new ObjectMapper();
    private final PrintStream out =
            new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    private WorkloadMain(SparkSession spark) {
        this.spark = spark;
        spark.sparkContext().addSparkListener(listener);
    }

    /** Entry point for {@code spark-submit}. */
    public static void main(String[] words) throws JsonProcessingException, TimeoutException {
        Arguments arguments = Arguments.parse(words, ARGUMENTS);
        Map<String, Workload> workloads = new LinkedHashMap<>();
        for (String name : arguments.text("workloads", "exchange").split(",", -1)) {
            workloads.put(name, workload(name, arguments));
        }
        SparkSession spark = SparkSession.builder()
                .appName(String.join(" ", workloads.keySet()))
                .getOrCreate();
        try {
            new WorkloadMain(spark)
                    .runAll(workloads, (int) arguments.number("warmups", 1), arguments.count("repetitions", 3));
        } finally {
            spark.stop();
        }
    }

    private static Workload workload(String name, Arguments arguments) {
        return switch (name) {
            case "terasort" -> new TeraSort(arguments);
            case "exchange" -> new Exchange(arguments);
            case "no-exchange" -> new Exchange(arguments).withoutExchange();
            case "join" -> SqlQuery.joinAndAggregate(arguments);
            default -> TpchQueries.named(name, arguments);
        };
    }

    private void runAll(Map<String, Workload> workloads, int warmups, int repetitions)
            throws JsonProcessingException, TimeoutException {
        Map<String, Digest> expected = new LinkedHashMap<>();
        workloads.forEach((name, workload) -> {
            Digest digest = workload.expected(spark);
            if (digest != null) {
                expected.put(name, digest);
            }
        });
        for (int repetition = 1 - warmups; repetition <= repetitions; repetition++) {
            for (Map.Entry<String, Workload> workload : workloads.entrySet()) {
                Repetition measured = measure(workload.getKey(), workload.getValue(), repetition);
                out.println(json.writeValueAsString(measured));
                Digest first = expected.putIfAbsent(workload.getKey(), measured.digest());
                if (first != null && !first.equals(measured.digest())) {
                    throw new IllegalStateException("wrong result: workload=" + workload.getKey() + " repetition="
                            + repetition + " expected=" + first + " actual=" + measured.digest());
                }
            }
        }
    }

    private Repetition measure(String name, Workload workload, int repetition) throws TimeoutException {
        Collection<ExecutorState> before = ExecutorState.ofAll(spark);
        spark.sparkContext().listenerBus().waitUntilEmpty(LISTENER_DEADLINE_MILLIS);
        listener.take();
        long startNanos = System.nanoTime();
        Digest digest = workload.run(spark);
        double wallSeconds = (System.nanoTime() - startNanos) / 1e9;
        spark.sparkContext().listenerBus().waitUntilEmpty(LISTENER_DEADLINE_MILLIS);
        StageListener.Costs costs = listener.take();
        Collection<ExecutorState> after = ExecutorState.ofAll(spark);
        freeShuffles();
        Map<String, Long> counters = new TreeMap<>();
        after.forEach(
                state -> state.pluginCounters().forEach((counter, value) -> counters.merge(counter, value, Long::sum)));
        before.forEach(state ->
                state.pluginCounters().forEach((counter, value) -> counters.merge(counter, -value, Long::sum)));
        return new Repetition(
                name,
                repetition,
                wallSeconds,
                digest,
                costs.stages(),
                costs.map(),
                costs.reduce(),
                cpuSeconds(after) - cpuSeconds(before),
                after.stream().mapToLong(ExecutorState::peakRssBytes).sum(),
                after.stream().mapToLong(ExecutorState::privateRssBytes).sum(),
                counters,
                spark.version(),
                spark.sparkContext().applicationId());
    }

    /** Spark frees a shuffle when the driver's collector finds it unused, which would leave one run's memory to the next. */
    private void freeShuffles() {
        MapOutputTrackerMaster tracker = (MapOutputTrackerMaster) SparkEnv.get().mapOutputTracker();
        for (Object shuffle : List.copyOf(
                CollectionConverters.asJava(tracker.shuffleStatuses().keySet()))) {
            spark.sparkContext().cleaner().get().doCleanupShuffle((Integer) shuffle, true);
        }
    }

    private static double cpuSeconds(Collection<ExecutorState> executors) {
        return executors.stream().mapToDouble(ExecutorState::cpuSeconds).sum();
    }
}
