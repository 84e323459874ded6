// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.shuffle.MooncakeShuffleManager;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class StartChecksTest {
    private static final String SORT = "spark.mooncake.onUnsupported";
    private static final String MANAGER = "io.sparkmooncake.shuffle.MooncakeShuffleManager";

    private static Platform spark(String version) {
        return new Platform(version, "2.13.16", "Linux", List::of, List::of);
    }

    private static Optional<String> obstacle(String key, String value) {
        return StartChecks.obstacle(spark("4.1.3"), Map.of(key, value));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "3.5.9",
                "4.0.4",
                "4.1.3",
                "4.2.0",
                "4.3.0",
                "4.0.0-databricks-001",
                "4.2.1-SNAPSHOT",
                "3.5.1.3.5.7216.0-42"
            })
    void runsOnSparksThatWereTriedAndTheirVendorBuilds(String version) {
        assertThat(StartChecks.obstacle(spark(version), Map.of(StartChecks.MANAGER_KEY, MANAGER)))
                .isEmpty();
        assertThat(StartChecks.warnings(spark(version), Map.of())).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"4.4.0", "5.0.0", "4.10.0-SNAPSHOT"})
    void triesNewerSparksBehindAWarning(String version) {
        assertThat(StartChecks.obstacle(spark(version), Map.of())).isEmpty();
        assertThat(StartChecks.warnings(spark(version), Map.of()))
                .containsExactly(
                        "spark-mooncake was tried on Spark [3.5, 4.0, 4.1, 4.2, 4.3], and this is Spark " + version
                                + ": everything it needs is there, so it goes on. If jobs fail, set spark.shuffle.manager=sort");
    }

    @ParameterizedTest
    @ValueSource(strings = {"3.4.4", "2.4.8", "unknown"})
    void refusesOlderSparks(String version) {
        assertThat(StartChecks.obstacle(spark(version), Map.of(StartChecks.MANAGER_KEY, MANAGER)))
                .hasValue("spark-mooncake runs on Spark 3.5 and newer, and this is Spark " + version
                        + ": use a newer Spark, or remove the line spark.plugins");
    }

    @Test
    void refusesScala212() {
        Platform scala212 = new Platform("3.5.9", "2.12.18", "Linux", List::of, List::of);
        assertThat(StartChecks.obstacle(scala212, Map.of(StartChecks.MANAGER_KEY, "sort")))
                .hasValue(
                        "this Spark 3.5.9 is built with Scala 2.12.18, and spark-mooncake runs with Scala 2.13: use a Spark"
                                + " for Scala 2.13 (for 3.5 the download that ends in -scala2.13), or remove the line spark.plugins");
    }

    @Test
    void namesInternalsThatAVendorChanged() {
        Platform vendor = new Platform(
                "4.0.0-acme",
                "2.13.16",
                "Linux",
                () -> List.of("no org.apache.spark.X.y(int)", "an abstract org.apache.spark.Z.w"),
                List::of);
        assertThat(StartChecks.obstacle(vendor, Map.of()))
                .hasValue(
                        "this Spark 4.0.0-acme has no org.apache.spark.X.y(int), an abstract org.apache.spark.Z.w, which"
                                + " spark-mooncake needs otherwise: set spark.shuffle.manager=sort and report this line");
        assertThat(StartChecks.obstacle(vendor, Map.of(StartChecks.MANAGER_KEY, "SORT")))
                .as("only the engine runs")
                .isEmpty();
    }

    @Test
    void warnsWhenOutputsCannotBeHandedOver() {
        Platform vendor = new Platform(
                "4.0.0-acme", "2.13.16", "Linux", List::of, () -> List.of("a final org.apache.spark.X.y()"));
        assertThat(StartChecks.obstacle(vendor, Map.of())).isEmpty();
        assertThat(StartChecks.warnings(vendor, Map.of()))
                .containsExactly("this Spark 4.0.0-acme has a final org.apache.spark.X.y(): when an executor is"
                        + " decommissioned, its map outputs are not handed over but computed again");
        Platform old = new Platform("3.5.9", "2.13.16", "Linux", List::of, () -> List.of("no such constructor"));
        assertThat(StartChecks.warnings(old, Map.of())).isEmpty();
    }

    @Test
    void asksForTwoLinesOnSpark35() {
        assertThat(StartChecks.obstacle(spark("3.5.9"), Map.of())).hasValue("""
                        Spark 3.5 makes its shuffle manager before it loads plugins and before executors fetch jars. Add the two lines
                          spark.shuffle.manager io.sparkmooncake.shuffle.MooncakeShuffleManager
                          spark.executor.extraClassPath <path of the spark-mooncake jar on every executor's host>
                        From Spark 4.0 on neither is needed""");
        assertThat(StartChecks.obstacle(spark("3.5.9"), Map.of(StartChecks.MANAGER_KEY, "sort")))
                .isEmpty();
        assertThat(StartChecks.obstacle(spark("4.0.4"), Map.of())).isEmpty();
    }

    @Test
    void warnsOfDecommissioningThatMovesNothing() {
        Map<String, String> conf = Map.of("spark.decommission.enabled", "true");
        assertThat(StartChecks.warnings(spark("3.5.9"), conf))
                .singleElement()
                .asString()
                .contains("spark.decommission.enabled=true on Spark 3.5.9", "from Spark 4.0 on");
        assertThat(StartChecks.warnings(spark("4.0.4"), conf)).isEmpty();
    }

    @Test
    void refusesAnExternalShuffleService() {
        assertThat(obstacle("spark.shuffle.service.enabled", "true"))
                .hasValue(
                        "spark.shuffle.service.enabled=true cannot be used: an external shuffle service serves files, and map"
                                + " outputs are in the executors' memory. Dynamic allocation works without it through"
                                + " spark.dynamicAllocation.shuffleTracking.enabled=true. Change this line to"
                                + " spark.shuffle.service.enabled=false");
    }

    @Test
    void refusesPushBasedShuffle() {
        assertThat(obstacle("spark.shuffle.push.enabled", "TRUE"))
                .hasValue(
                        "spark.shuffle.push.enabled=true cannot be used: pushing merges files at an external shuffle service,"
                                + " and map outputs are in the executors' memory. Change this line to spark.shuffle.push.enabled=false");
    }

    @Test
    void refusesMapIdsThatAreNotUnique() {
        assertThat(obstacle("spark.shuffle.useOldFetchProtocol", "true"))
                .hasValue(
                        "spark.shuffle.useOldFetchProtocol=true cannot be used: it gives two attempts of a map task the same"
                                + " id, and a reader could mix their outputs. Change this line to"
                                + " spark.shuffle.useOldFetchProtocol=false");
    }

    @Test
    void refusesFallbackStorage() {
        String key = "spark.storage.decommission.fallbackStorage.path";
        assertThat(obstacle(key, "s3a://b/"))
                .hasValue(key + "=s3a://b/ cannot be used: Spark copies shuffle files there, and map outputs are in the"
                        + " executors' memory; a decommissioned executor hands them to another one. Remove this line");
    }

    @Test
    void refusesAnotherStoreOfMapOutputs() {
        String key = "spark.shuffle.sort.io.plugin.class";
        assertThat(obstacle(key, "org.example.S3ShuffleDataIO"))
                .hasValue(
                        key + "=org.example.S3ShuffleDataIO cannot be used: it stores the map outputs of Spark's sort"
                                + " shuffle, which does not run. Remove this line, or keep it and set spark.shuffle.manager=sort");
        assertThat(obstacle(key, "org.apache.spark.shuffle.sort.io.LocalDiskShuffleDataIO"))
                .isEmpty();
    }

    @Test
    void refusesSharedMemoryAloneWhereThereIsNone() {
        Platform mac = new Platform("4.1.3", "2.13.16", "Mac OS X", List::of, List::of);
        assertThat(StartChecks.obstacle(mac, Map.of("spark.mooncake.transfer.paths", "shm")))
                .hasValueSatisfying(reason -> assertThat(reason).contains("needs Linux, and this is Mac OS X"));
        assertThat(StartChecks.obstacle(mac, Map.of())).isEmpty();
    }

    @Test
    void acceptsWhatIsSwitchedOff() {
        assertThat(StartChecks.obstacle(
                        spark("4.1.3"),
                        Map.of(
                                "spark.shuffle.service.enabled", "false",
                                "spark.shuffle.push.enabled", "false",
                                "spark.dynamicAllocation.enabled", "true")))
                .isEmpty();
    }

    @Test
    void refusalsNameTheWayToGoOn() {
        assertThatThrownBy(() -> MooncakeDriver.chooseManager(
                        spark("4.1.3"), Map.of("spark.shuffle.useOldFetchProtocol", "true")))
                .hasMessageEndingWith(
                        "spark.shuffle.useOldFetchProtocol=false. To run such applications with Spark's own"
                                + " shuffle, set spark.mooncake.onUnsupported=sort");
    }

    /** Whatever the obstacle is, and also if the user named our manager, as Spark 3.5 needs it. */
    @ParameterizedTest
    @CsvSource({
        "4.1.3,spark.shuffle.service.enabled,true",
        "4.1.3,spark.shuffle.push.enabled,true",
        "3.5.9,spark.shuffle.useOldFetchProtocol,true",
        "3.5.9,spark.executor.cores,1",
        "3.4.4,spark.executor.cores,1",
        "4.1.3,spark.storage.decommission.fallbackStorage.path,s3a://b/"
    })
    void leavesTheShuffleToSparkWhenAskedTo(String version, String key, String value) {
        Map<String, String> conf = new HashMap<>(Map.of(key, value, SORT, "sort"));
        try (Warnings warnings = Warnings.record()) {
            assertThat(MooncakeDriver.chooseManager(spark(version), conf)).isEqualTo("sort");
            assertThat(warnings.lines())
                    .containsExactly("spark.shuffle.manager=sort shuffles instead of spark-mooncake, as " + SORT
                            + "=sort allows: "
                            + StartChecks.obstacle(spark(version), conf).orElseThrow());
        }
        conf.put(StartChecks.MANAGER_KEY, MANAGER);
        if (!key.equals("spark.executor.cores") || version.equals("3.4.4")) {
            assertThat(MooncakeDriver.chooseManager(spark(version), conf)).isEqualTo("sort");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"SORT", "sort", "tungsten-sort", "org.apache.spark.shuffle.sort.SortShuffleManager"})
    void leavesTheShuffleToAManagerThatThePlatformNamed(String named) {
        Map<String, String> conf = Map.of(StartChecks.MANAGER_KEY, named, "spark.shuffle.service.enabled", "true");
        try (Warnings warnings = Warnings.record()) {
            assertThat(MooncakeDriver.chooseManager(spark("4.0.0-databricks-001"), conf))
                    .isEqualTo(named);
            assertThat(warnings.lines())
                    .containsExactly("spark.shuffle.manager=" + named
                            + " was found, so spark-mooncake does not shuffle and runs its"
                            + " transfer engine and ranks only. To shuffle over it, set spark.shuffle.manager="
                            + MANAGER + ", also when the platform sets this key");
        }
    }

    @Test
    void shufflesOnlyUnderItsOwnName() {
        assertThat(StartChecks.MANAGER)
                .isEqualTo(MooncakeShuffleManager.class.getName())
                .isEqualTo(MANAGER);
        assertThat(StartChecks.shufflesHere(Map.of("spark.shuffle.manager", MANAGER)))
                .isTrue();
        assertThat(StartChecks.shufflesHere(Map.of("spark.shuffle.manager", "sort")))
                .isFalse();
        assertThat(StartChecks.shufflesHere(Map.of())).isFalse();
    }
}
