// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import com.codahale.metrics.MetricRegistry;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.apache.spark.SparkConf;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.resource.ResourceInformation;

/** What Spark gives to a plugin, with the driver in the same process. */
final class FakePluginContext implements PluginContext {
    private final String executorId;
    private final SparkConf conf = new SparkConf(false);
    private final MetricRegistry registry = new MetricRegistry();
    private UnaryOperator<Object> driver = message -> {
        throw new IllegalStateException("Driver endpoint is not known.");
    };

    FakePluginContext(String executorId) {
        this.executorId = executorId;
    }

    FakePluginContext askingDriver(UnaryOperator<Object> answers) {
        driver = answers;
        return this;
    }

    FakePluginContext set(String key, String value) {
        conf.set(key, value);
        return this;
    }

    /** Returns what the gauges say now. */
    Map<String, Object> gauges() {
        Map<String, Object> values = new TreeMap<>();
        registry.getGauges().forEach((name, gauge) -> values.put(name, gauge.getValue()));
        return values;
    }

    @Override
    public MetricRegistry metricRegistry() {
        return registry;
    }

    @Override
    public SparkConf conf() {
        return conf;
    }

    @Override
    public String executorID() {
        return executorId;
    }

    @Override
    public String hostname() {
        if (executorId.equals("driver")) {
            return "localhost";
        }
        throw new NullPointerException("as in Spark: the RPC of an executor's process has no address");
    }

    @Override
    public Map<String, ResourceInformation> resources() {
        return Map.of();
    }

    @Override
    public void send(Object message) {
        throw new UnsupportedOperationException("nothing here sends");
    }

    @Override
    public Object ask(Object message) {
        return driver.apply(message);
    }
}
