// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.shuffle.MooncakeShuffleManager;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What must hold before an application starts. Every refusal names the line to change. Pure functions of Spark's
 * configuration.
 *
 * <p>{@code spark.shuffle.readHostLocalDisk} needs no check: only Spark's own reader uses it, and ours never calls that one.
 */
final class StartChecks {
    static final String MANAGER_KEY = "spark.shuffle.manager";
    static final String MANAGER = MooncakeShuffleManager.class.getName();

    private static final List<SparkVersion> SUPPORTED =
            List.of(new SparkVersion(3, 5), new SparkVersion(4, 0), new SparkVersion(4, 1), new SparkVersion(4, 2));
    private static final String SCALA = "2.13";
    private static final String SPARK_DATA_IO = "org.apache.spark.shuffle.sort.io.LocalDiskShuffleDataIO";

    private StartChecks() {}

    /** Returns the version, if this jar runs on it. */
    static SparkVersion requireSupported(String sparkVersion, String scalaVersion) {
        if (!scalaVersion.startsWith(SCALA + ".")) {
            throw new IllegalStateException("this Spark " + sparkVersion + " is built with Scala " + scalaVersion
                    + ", and spark-mooncake runs with Scala " + SCALA + ": use a Spark for Scala " + SCALA
                    + " (for 3.5 the download that ends in -scala2.13), or remove the line spark.plugins");
        }
        return SparkVersion.parse(sparkVersion)
                .filter(SUPPORTED::contains)
                .orElseThrow(() -> new IllegalStateException(
                        "spark-mooncake runs on Spark " + SUPPORTED + ", and this is Spark " + sparkVersion
                                + ": use a release of spark-mooncake that names it, or remove the line spark.plugins"));
    }

    /** Tells whether map outputs are ours; otherwise the user named another manager and only the engine runs. */
    static boolean shufflesHere(Map<String, String> conf) {
        return MANAGER.equals(conf.get(MANAGER_KEY));
    }

    /**
     * Refuses a manager that was made before the plugin could name it. Spark 3.5 makes its manager first, on the driver and on
     * executors, from the class path of the process.
     */
    static void requireNamedManager(SparkVersion version, Map<String, String> conf) {
        if (!version.isAtLeast(4, 0) && !conf.containsKey(MANAGER_KEY)) {
            throw new IllegalStateException(
                    "Spark " + version + " makes its shuffle manager before it loads plugins and before executors"
                            + " fetch jars. Add the two lines\n  " + MANAGER_KEY + " " + MANAGER
                            + "\n  spark.executor.extraClassPath <path of the spark-mooncake jar on every executor's host>"
                            + "\nFrom Spark 4.0 on neither is needed");
        }
    }

    /** Refuses what takes map outputs for files that outlive their executor, or map ids for positions. */
    static void requireMemoryShuffle(Map<String, String> conf) {
        refuseTrue(
                conf,
                "spark.shuffle.service.enabled",
                "an external shuffle service serves files, and map outputs are in the executors' memory. Dynamic allocation"
                        + " works without it through spark.dynamicAllocation.shuffleTracking.enabled=true");
        refuseTrue(
                conf,
                "spark.shuffle.push.enabled",
                "pushing merges files at an external shuffle service, and map outputs are in the executors' memory");
        refuseTrue(
                conf,
                "spark.shuffle.useOldFetchProtocol",
                "it gives two attempts of a map task the same id, and a reader could mix their outputs");
        String fallback = "spark.storage.decommission.fallbackStorage.path";
        if (conf.containsKey(fallback)) {
            throw new IllegalStateException(fallback + "=" + conf.get(fallback)
                    + " cannot be used: Spark copies shuffle files there, and map outputs are in the executors' memory; a"
                    + " decommissioned executor hands them to another one. Remove this line");
        }
        String dataIo = "spark.shuffle.sort.io.plugin.class";
        String dataIoClass = conf.getOrDefault(dataIo, SPARK_DATA_IO);
        if (!dataIoClass.equals(SPARK_DATA_IO)) {
            throw new IllegalStateException(dataIo + "=" + dataIoClass + " cannot be used: it stores the map outputs of"
                    + " Spark's sort shuffle, which does not run. Remove this line, or keep it and set " + MANAGER_KEY
                    + "=sort");
        }
    }

    /** Returns what to warn of when executors are to be decommissioned and nothing will move. */
    static Optional<String> decommissionWarning(SparkVersion version, Map<String, String> conf) {
        String key = "spark.decommission.enabled";
        return !version.isAtLeast(4, 0) && isTrue(conf, key)
                ? Optional.of(
                        key + "=true on Spark " + version + ": map outputs of a decommissioned executor do not move to"
                                + " another one, and Spark computes those that are still needed again. They move from Spark 4.0 on")
                : Optional.empty();
    }

    private static boolean isTrue(Map<String, String> conf, String key) {
        return conf.getOrDefault(key, "false").trim().equalsIgnoreCase("true");
    }

    private static void refuseTrue(Map<String, String> conf, String key, String reason) {
        if (isTrue(conf, key)) {
            throw new IllegalStateException(
                    key + "=true cannot be used: " + reason + ". Change this line to " + key + "=false");
        }
    }
}
