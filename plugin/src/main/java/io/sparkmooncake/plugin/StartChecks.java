// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.shuffle.MooncakeShuffleManager;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * What must hold before an application shuffles over spark-mooncake. Every obstacle is one sentence or two: what was found, why
 * it does not fit, and the line to change. Functions of Spark's configuration and of the platform.
 *
 * <p>{@code spark.shuffle.readHostLocalDisk} needs no check: only Spark's own reader uses it, and ours never calls that one.
 */
final class StartChecks {
    static final String MANAGER_KEY = MooncakeShuffleManager.KEY;
    static final String MANAGER = MooncakeShuffleManager.NAME;
    static final String SPARK_MANAGER = "sort";

    private static final SparkVersion OLDEST = new SparkVersion(3, 5);
    private static final List<SparkVersion> TRIED = List.of(
            OLDEST, new SparkVersion(4, 0), new SparkVersion(4, 1), new SparkVersion(4, 2), new SparkVersion(4, 3));
    private static final String SCALA = "2.13";
    private static final String SPARK_DATA_IO = "org.apache.spark.shuffle.sort.io.LocalDiskShuffleDataIO";

    private StartChecks() {}

    /** Returns the first reason why this application cannot run with spark-mooncake, or shuffle over it if it wants to. */
    static Optional<String> obstacle(Platform platform, Map<String, String> conf) {
        Optional<String> known = firstOf(Stream.of(() -> anotherScala(platform), () -> oldSpark(platform)));
        return known.isPresent() || otherManager(conf).isPresent() ? known : obstacleToShuffle(platform, conf);
    }

    private static Optional<String> obstacleToShuffle(Platform platform, Map<String, String> conf) {
        return firstOf(Stream.of(
                () -> unnamedManager(platform, conf),
                () -> OperatingSystem.withoutPaths(TransferSettings.read(conf).paths(), platform.system()),
                () -> filesInsteadOfMemory(conf),
                () -> otherInternals(platform)));
    }

    /** Returns what works less well than it could; empty when there is nothing to say. */
    static List<String> warnings(Platform platform, Map<String, String> conf) {
        List<String> warnings = new ArrayList<>();
        SparkVersion.parse(platform.sparkVersion())
                .filter(version -> !TRIED.contains(version))
                .ifPresent(version -> warnings.add("spark-mooncake was tried on Spark " + TRIED + ", and this is Spark "
                        + platform.sparkVersion() + ": everything it needs is there, so it goes on. If jobs fail, set "
                        + MANAGER_KEY + "=" + SPARK_MANAGER));
        List<String> resolver = platform.resolverDifferences().get();
        if (isAtLeast(platform, 4, 0) && !resolver.isEmpty()) {
            warnings.add("this Spark " + platform.sparkVersion() + " has " + String.join(", ", resolver)
                    + ": when an executor is decommissioned, its map outputs are not handed over but computed again");
        }
        String decommission = "spark.decommission.enabled";
        if (!isAtLeast(platform, 4, 0) && isTrue(conf, decommission)) {
            warnings.add(
                    decommission + "=true on Spark " + platform.sparkVersion() + ": map outputs of a decommissioned"
                            + " executor do not move to another one, and Spark computes those that are still needed again. They"
                            + " move from Spark 4.0 on");
        }
        return warnings;
    }

    /** Returns whether map outputs are ours; otherwise only the engine runs. */
    static boolean shufflesHere(Map<String, String> conf) {
        return MANAGER.equals(conf.get(MANAGER_KEY));
    }

    /** Returns the manager that the user or the platform named instead of ours. */
    static Optional<String> otherManager(Map<String, String> conf) {
        return Optional.ofNullable(conf.get(MANAGER_KEY)).filter(named -> !named.equals(MANAGER));
    }

    private static Optional<String> anotherScala(Platform platform) {
        return platform.scalaVersion().startsWith(SCALA + ".")
                ? Optional.empty()
                : Optional.of("this Spark " + platform.sparkVersion() + " is built with Scala "
                        + platform.scalaVersion() + ", and spark-mooncake runs with Scala " + SCALA
                        + ": use a Spark for Scala " + SCALA
                        + " (for 3.5 the download that ends in -scala2.13), or remove the line spark.plugins");
    }

    /** Newer ones are tried: what they lack is found by name. */
    private static Optional<String> oldSpark(Platform platform) {
        return isAtLeast(platform, OLDEST.major(), OLDEST.minor())
                ? Optional.empty()
                : Optional.of("spark-mooncake runs on Spark " + OLDEST + " and newer, and this is Spark "
                        + platform.sparkVersion() + ": use a newer Spark, or remove the line spark.plugins");
    }

    private static boolean isAtLeast(Platform platform, int major, int minor) {
        return SparkVersion.parse(platform.sparkVersion())
                .filter(version -> version.isAtLeast(major, minor))
                .isPresent();
    }

    /** Spark 3.5 makes its manager first, on the driver and on executors, from the class path of the process. */
    private static Optional<String> unnamedManager(Platform platform, Map<String, String> conf) {
        return isAtLeast(platform, 4, 0) || conf.containsKey(MANAGER_KEY)
                ? Optional.empty()
                : Optional.of("Spark 3.5 makes its shuffle manager before it loads plugins and before executors"
                        + " fetch jars. Add the two lines\n  " + MANAGER_KEY + " " + MANAGER
                        + "\n  spark.executor.extraClassPath <path of the spark-mooncake jar on every executor's host>"
                        + "\nFrom Spark 4.0 on neither is needed");
    }

    /** Finds what takes map outputs for files that outlive their executor, or map ids for positions. */
    private static Optional<String> filesInsteadOfMemory(Map<String, String> conf) {
        return firstOf(Stream.of(
                () -> switchedOn(
                        conf,
                        "spark.shuffle.service.enabled",
                        "an external shuffle service serves files, and map outputs are in the executors' memory. Dynamic"
                                + " allocation works without it through"
                                + " spark.dynamicAllocation.shuffleTracking.enabled=true"),
                () -> switchedOn(
                        conf,
                        "spark.shuffle.push.enabled",
                        "pushing merges files at an external shuffle service, and map outputs are in the executors' memory"),
                () -> switchedOn(
                        conf,
                        "spark.shuffle.useOldFetchProtocol",
                        "it gives two attempts of a map task the same id, and a reader could mix their outputs"),
                () -> Optional.ofNullable(conf.get("spark.storage.decommission.fallbackStorage.path"))
                        .map(path -> "spark.storage.decommission.fallbackStorage.path=" + path
                                + " cannot be used: Spark copies shuffle files there, and map outputs are in the"
                                + " executors' memory; a decommissioned executor hands them to another one. Remove this"
                                + " line"),
                () -> Optional.ofNullable(conf.get("spark.shuffle.sort.io.plugin.class"))
                        .filter(name -> !name.equals(SPARK_DATA_IO))
                        .map(name -> "spark.shuffle.sort.io.plugin.class=" + name
                                + " cannot be used: it stores the map outputs of Spark's sort shuffle, which does not"
                                + " run. Remove this line, or keep it and set " + MANAGER_KEY + "=" + SPARK_MANAGER)));
    }

    private static Optional<String> switchedOn(Map<String, String> conf, String key, String reason) {
        return isTrue(conf, key)
                ? Optional.of(key + "=true cannot be used: " + reason + ". Change this line to " + key + "=false")
                : Optional.empty();
    }

    private static boolean isTrue(Map<String, String> conf, String key) {
        return conf.getOrDefault(key, "false").trim().equalsIgnoreCase("true");
    }

    private static Optional<String> otherInternals(Platform platform) {
        List<String> differences = platform.differences().get();
        return differences.isEmpty()
                ? Optional.empty()
                : Optional.of("this Spark " + platform.sparkVersion() + " has " + String.join(", ", differences)
                        + ", which spark-mooncake needs otherwise: set " + MANAGER_KEY + "=" + SPARK_MANAGER
                        + " and report this line");
    }

    private static Optional<String> firstOf(Stream<Supplier<Optional<String>>> checks) {
        return checks.map(Supplier::get).flatMap(Optional::stream).findFirst();
    }
}
