// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.io.Serializable;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.metrics.source.Source;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;
import scala.runtime.AbstractFunction1;

/** Looks into an executor's process: what it holds of device memory, and whether a class of JCuda is loaded. */
public final class DeviceProbe extends AbstractFunction1<Iterator<Integer>, Iterator<String>> implements Serializable {
    private static final long serialVersionUID = 1;
    private static final String PLUGIN_METRICS = "plugin.io.sparkmooncake.plugin.MooncakePlugin";
    private static final String HELD = "gpu.memory.held";
    private static final List<String> CLASSES =
            List.of("jcuda.driver.JCudaDriver", "jcuda.Pointer", "jcuda.driver.CUdeviceptr", "jcuda.LibUtils");

    private DeviceProbe() {}

    /** Returns a line for each executor: {@code executor=0 held=0 jcuda=false}. Needs as many slots. */
    public static List<String> ofAll(JavaSparkContext sc, int slots) {
        return List.copyOf(
                new TreeSet<>(sc.parallelize(IntStream.range(0, slots).boxed().toList(), slots)
                        .rdd()
                        .barrier()
                        .mapPartitions(new DeviceProbe(), false, ClassTag$.MODULE$.<String>apply(String.class))
                        .toJavaRDD()
                        .collect()));
    }

    @Override
    public Iterator<String> apply(Iterator<Integer> slot) {
        String line = "executor=" + SparkEnv.get().executorId() + " held=" + held() + " jcuda=" + isJCudaLoaded();
        return CollectionConverters.asScala(List.of(line).iterator());
    }

    private static Object held() {
        for (Source source :
                CollectionConverters.asJava(SparkEnv.get().metricsSystem().getSourcesByName(PLUGIN_METRICS))) {
            var gauge = source.metricRegistry().getGauges().get(HELD);
            if (gauge != null) {
                return gauge.getValue();
            }
        }
        return "unknown";
    }

    /** Spark opens java.lang to its executors. */
    private static boolean isJCudaLoaded() {
        try {
            var find = ClassLoader.class.getDeclaredMethod("findLoadedClass", String.class);
            find.setAccessible(true);
            for (ClassLoader loader = Thread.currentThread().getContextClassLoader();
                    loader != null;
                    loader = loader.getParent()) {
                for (String name : CLASSES) {
                    if (find.invoke(loader, name) != null) {
                        return true;
                    }
                }
            }
            return false;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("the JVM does not say which classes are loaded", e);
        }
    }
}
