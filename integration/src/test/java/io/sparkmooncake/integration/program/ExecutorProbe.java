// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.SparkEnv;
import org.apache.spark.metrics.source.Source;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * What one executor process holds at the moment.
 *
 * @param id Spark's name of the executor
 * @param pid its process
 * @param host the address that Spark gives to others
 * @param descriptors open file descriptors
 * @param threads names of its living threads
 * @param segments open or mapped files of ours, named or not
 * @param files names of our files in {@code /dev/shm}, those of other processes of the host, too
 * @param gauges the plugin's gauges by name
 */
@DefaultSerializer(JavaSerializer.class)
record ExecutorProbe(
        String id,
        long pid,
        String host,
        int descriptors,
        List<String> threads,
        List<String> segments,
        List<String> files,
        Map<String, Long> gauges)
        implements Serializable {
    private static final String PLUGIN_METRICS = "plugin.io.sparkmooncake.plugin.MooncakePlugin";
    static final String SEGMENT = "spark-mooncake-";

    long gauge(String name) {
        Long value = gauges.get(name);
        Facts.require(value != null, "no gauge", name, "among", gauges.keySet());
        return value == null ? 0 : value;
    }

    /** Whether no map output and no reader's copy of one is held, and idle memory went back to the system. */
    boolean isQuiet() {
        return gauge("memory.used.bytes") == 0
                && gauge("memory.committed.bytes") == 0
                && gauge("disk.used.bytes") == 0
                && gauge("scratch.used.bytes") == 0
                && gauge("leases.live") == 0;
    }

    private static ExecutorProbe ofThisProcess() {
        List<String> open = openFiles();
        return new ExecutorProbe(
                SparkEnv.get().executorId(),
                ProcessHandle.current().pid(),
                SparkEnv.get().blockManager().blockManagerId().host(),
                open.size(),
                new ArrayList<>(Thread.getAllStackTraces().keySet().stream()
                        .map(Thread::getName)
                        .sorted()
                        .toList()),
                new ArrayList<>(Stream.concat(open.stream(), mappings())
                        .filter(line -> line.contains(SEGMENT))
                        .toList()),
                sharedFiles(),
                readGauges());
    }

    private static List<String> openFiles() {
        List<String> targets = new ArrayList<>();
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            descriptors.forEach(descriptor -> {
                try {
                    targets.add(Files.readSymbolicLink(descriptor).toString());
                } catch (IOException closedMeanwhile) {
                    // The descriptor of the listing itself, or one that a network thread closed.
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return targets;
    }

    private static List<String> sharedFiles() {
        try (Stream<Path> files = Files.list(Path.of("/dev/shm"))) {
            return new ArrayList<>(files.map(file -> file.getFileName().toString())
                    .filter(name -> name.startsWith(SEGMENT))
                    .toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Stream<String> mappings() {
        try {
            return Files.readAllLines(Path.of("/proc/self/maps")).stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Map<String, Long> readGauges() {
        Map<String, Long> values = new TreeMap<>();
        for (Source source :
                CollectionConverters.asJava(SparkEnv.get().metricsSystem().getSourcesByName(PLUGIN_METRICS))) {
            source.metricRegistry().getGauges().forEach((name, gauge) -> {
                if (gauge.getValue() instanceof Number number) {
                    values.put(name, number.longValue());
                }
            });
        }
        return values;
    }

    /** The task that answers. */
    static final class Task extends AbstractFunction1<Iterator<Integer>, Iterator<ExecutorProbe>>
            implements Serializable {
        private static final long serialVersionUID = 1;

        @Override
        public Iterator<ExecutorProbe> apply(Iterator<Integer> slot) {
            return CollectionConverters.asScala(List.of(ofThisProcess()).iterator());
        }
    }
}
