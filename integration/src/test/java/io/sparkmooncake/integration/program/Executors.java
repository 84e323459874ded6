// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.apache.spark.MapOutputTrackerMaster;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;

/** The executors of an application, each with one task slot, as their driver sees them. */
final class Executors {
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private final JavaSparkContext sc;
    /** Host and process of every executor that was seen. */
    private final Set<String> seen = new TreeSet<>();

    Executors(JavaSparkContext sc) {
        this.sc = sc;
    }

    Set<String> ids() {
        return new TreeSet<>(CollectionConverters.asJava(sc.sc().getExecutorIds()));
    }

    void awaitCount(int count) throws Exception {
        await(count + " executors", () -> ids().size() == count);
    }

    static void await(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.call()) {
            Facts.require(System.nanoTime() < deadline, "not within", PATIENCE, what);
            Thread.sleep(100);
        }
    }

    /** Asks {@code count} executors at once: a barrier stage of that many tasks reaches each of them. */
    Map<String, ExecutorProbe> probe(int count) throws Exception {
        awaitCount(count);
        List<ExecutorProbe> answers = sc.parallelize(
                        IntStream.range(0, count).boxed().toList(), count)
                .rdd()
                .barrier()
                .mapPartitions(
                        new ExecutorProbe.Task(), false, ClassTag$.MODULE$.<ExecutorProbe>apply(ExecutorProbe.class))
                .toJavaRDD()
                .collect();
        Map<String, ExecutorProbe> byId = new TreeMap<>();
        answers.forEach(answer -> byId.put(answer.id(), answer));
        byId.values().forEach(probe -> seen.add(key(probe.host(), probe.pid())));
        return byId;
    }

    /** Unregisters every shuffle and waits until no executor holds anything of them. */
    Map<String, ExecutorProbe> cleanAndAwaitQuiet(int count) throws Exception {
        for (int shuffle : shuffles()) {
            sc.sc().cleaner().get().doCleanupShuffle(shuffle, true);
        }
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        Map<String, ExecutorProbe> probes = probe(count);
        while (!probes.values().stream().allMatch(ExecutorProbe::isQuiet)) {
            Facts.require(
                    System.nanoTime() < deadline,
                    "still held " + PATIENCE + " after every shuffle was unregistered",
                    probes.values().stream().map(ExecutorProbe::gauges).toList());
            Thread.sleep(200);
            probes = probe(count);
        }
        return probes;
    }

    static MapOutputTrackerMaster tracker() {
        return (MapOutputTrackerMaster) SparkEnv.get().mapOutputTracker();
    }

    static List<Integer> shuffles() {
        return CollectionConverters.asJava(tracker().shuffleStatuses().keySet()).stream()
                .map(id -> (Integer) id)
                .sorted()
                .toList();
    }

    private static String key(String host, long pid) {
        return host + " " + ExecutorProbe.SEGMENT + pid + "-";
    }

    /** Files in {@code /dev/shm} of any host that an executor of this application made and that still have a name. */
    List<String> namedSegments(Map<String, ExecutorProbe> probes) {
        return probes.values().stream()
                .flatMap(probe -> probe.files().stream().map(file -> probe.host() + " " + file))
                .distinct()
                .filter(file -> seen.stream().anyMatch(file::startsWith))
                .toList();
    }

    /** The sum of a gauge over executors. */
    static long sum(Map<String, ExecutorProbe> probes, String gauge) {
        return probes.values().stream().mapToLong(probe -> probe.gauge(gauge)).sum();
    }
}
