// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import com.codahale.metrics.Counter;
import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.IOException;
import java.io.Serializable;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.metrics.source.Source;
import org.apache.spark.sql.SparkSession;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;
import scala.runtime.AbstractFunction1;

/**
 * What one executor process has used so far.
 *
 * @param executorId Spark's name of the executor
 * @param cpuSeconds CPU time of the whole process: tasks, network threads, compilation and collection
 * @param peakRssBytes largest resident set so far, with every page of other processes' memory that is mapped here
 * @param privateRssBytes what is resident now and belongs to this process alone: heap, stacks, code, buffers
 * @param pluginCounters the plugin's own counters by name; empty where there is no plugin
 */
@DefaultSerializer(JavaSerializer.class)
record ExecutorState(
        String executorId, double cpuSeconds, long peakRssBytes, long privateRssBytes, Map<String, Long> pluginCounters)
        implements Serializable {
    private static final String PLUGIN_METRICS = "plugin.io.sparkmooncake.plugin.MooncakePlugin";

    /** Asks every executor: a barrier stage as wide as the application has task slots reaches them all. */
    static Collection<ExecutorState> ofAll(SparkSession spark) {
        int slots = spark.sparkContext().defaultParallelism();
        List<ExecutorState> answers = JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(IntStream.range(0, slots).boxed().toList(), slots)
                .rdd()
                .barrier()
                .mapPartitions(new Probe(), false, ClassTag$.MODULE$.<ExecutorState>apply(ExecutorState.class))
                .toJavaRDD()
                .collect();
        Map<String, ExecutorState> byExecutor = new TreeMap<>();
        answers.forEach(answer -> byExecutor.put(answer.executorId, answer));
        return byExecutor.values();
    }

    private static ExecutorState ofThisProcess() {
        var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return new ExecutorState(
                SparkEnv.get().executorId(),
                system.getProcessCpuTime() / 1e9,
                resident("VmHWM:"),
                resident("RssAnon:"),
                countersOfPlugin());
    }

    private static long resident(String field) {
        try {
            return Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(line -> line.startsWith(field))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024)
                    .findFirst()
                    .orElse(0);
        } catch (IOException notLinux) {
            return 0;
        }
    }

    private static Map<String, Long> countersOfPlugin() {
        Map<String, Long> counters = new TreeMap<>();
        for (Source source :
                CollectionConverters.asJava(SparkEnv.get().metricsSystem().getSourcesByName(PLUGIN_METRICS))) {
            MetricRegistry registry = source.metricRegistry();
            registry.getCounters().forEach((String name, Counter counter) -> counters.put(name, counter.getCount()));
            registry.getGauges().forEach((name, gauge) -> {
                if (((Gauge<?>) gauge).getValue() instanceof Number number) {
                    counters.put(name, number.longValue());
                }
            });
        }
        return counters;
    }

    private static final class Probe extends AbstractFunction1<Iterator<Integer>, Iterator<ExecutorState>>
            implements Serializable {
        private static final long serialVersionUID = 1;

        @Override
        public Iterator<ExecutorState> apply(Iterator<Integer> slot) {
            return CollectionConverters.asScala(List.of(ofThisProcess()).iterator());
        }
    }
}
