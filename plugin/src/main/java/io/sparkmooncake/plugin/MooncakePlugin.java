// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import java.util.HashMap;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.SparkPlugin;
import scala.Tuple2;

/** What {@code spark.plugins} names. */
public final class MooncakePlugin implements SparkPlugin {
    /** Called by Spark. */
    public MooncakePlugin() {}

    @Override
    public DriverPlugin driverPlugin() {
        return new MooncakeDriver();
    }

    @Override
    public ExecutorPlugin executorPlugin() {
        return new MooncakeExecutor();
    }

    /** Returns what a user set. */
    static Map<String, String> settings(SparkConf conf) {
        Map<String, String> settings = new HashMap<>();
        for (Tuple2<String, String> setting : conf.getAll()) {
            settings.put(setting._1(), setting._2());
        }
        return settings;
    }
}
