// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class StartChecksTest {
    @ParameterizedTest
    @CsvSource({
        "3.5.9,3.5",
        "4.0.4,4.0",
        "4.1.3,4.1",
        "4.2.0,4.2",
        "4.0.0-databricks-001,4.0",
        "4.2.1-SNAPSHOT,4.2",
        "3.5.1.3.5.7216.0-42,3.5"
    })
    void runsOnSupportedSparksAndTheirVendorBuilds(String spark, String parsed) {
        assertThat(StartChecks.requireSupported(spark, "2.13.16")).hasToString(parsed);
    }

    @ParameterizedTest
    @ValueSource(strings = {"3.4.4", "4.3.0", "5.0.0", "4.10.0", "unknown"})
    void refusesOtherSparks(String spark) {
        assertThatThrownBy(() -> StartChecks.requireSupported(spark, "2.13.16"))
                .hasMessage("spark-mooncake runs on Spark [3.5, 4.0, 4.1, 4.2], and this is Spark " + spark
                        + ": use a release of spark-mooncake that names it, or remove the line spark.plugins");
    }

    @Test
    void refusesScala212() {
        assertThatThrownBy(() -> StartChecks.requireSupported("3.5.9", "2.12.18"))
                .hasMessage(
                        "this Spark 3.5.9 is built with Scala 2.12.18, and spark-mooncake runs with Scala 2.13: use a Spark"
                                + " for Scala 2.13 (for 3.5 the download that ends in -scala2.13), or remove the line spark.plugins");
    }

    @Test
    void asksForTwoLinesOnSpark35() {
        assertThatThrownBy(() -> StartChecks.requireNamedManager(new SparkVersion(3, 5), Map.of()))
                .hasMessage("""
                        Spark 3.5 makes its shuffle manager before it loads plugins and before executors fetch jars. Add the two lines
                          spark.shuffle.manager io.sparkmooncake.shuffle.MooncakeShuffleManager
                          spark.executor.extraClassPath <path of the spark-mooncake jar on every executor's host>
                        From Spark 4.0 on neither is needed""");
        StartChecks.requireNamedManager(new SparkVersion(3, 5), Map.of(StartChecks.MANAGER_KEY, "sort"));
        StartChecks.requireNamedManager(new SparkVersion(4, 0), Map.of());
    }

    @Test
    void warnsOfDecommissioningThatMovesNothing() {
        Map<String, String> conf = Map.of("spark.decommission.enabled", "true");
        assertThat(StartChecks.decommissionWarning(new SparkVersion(3, 5), conf))
                .hasValueSatisfying(warning -> assertThat(warning)
                        .contains("spark.decommission.enabled=true on Spark 3.5", "from Spark 4.0 on"));
        assertThat(StartChecks.decommissionWarning(new SparkVersion(4, 0), conf))
                .isEmpty();
        assertThat(StartChecks.decommissionWarning(new SparkVersion(3, 5), Map.of()))
                .isEmpty();
    }

    @Test
    void refusesAnExternalShuffleService() {
        assertThatThrownBy(() -> StartChecks.requireMemoryShuffle(Map.of("spark.shuffle.service.enabled", "true")))
                .hasMessage(
                        "spark.shuffle.service.enabled=true cannot be used: an external shuffle service serves files, and map"
                                + " outputs are in the executors' memory. Dynamic allocation works without it through"
                                + " spark.dynamicAllocation.shuffleTracking.enabled=true. Change this line to"
                                + " spark.shuffle.service.enabled=false");
    }

    @Test
    void refusesPushBasedShuffle() {
        assertThatThrownBy(() -> StartChecks.requireMemoryShuffle(Map.of("spark.shuffle.push.enabled", "TRUE")))
                .hasMessage(
                        "spark.shuffle.push.enabled=true cannot be used: pushing merges files at an external shuffle service,"
                                + " and map outputs are in the executors' memory. Change this line to spark.shuffle.push.enabled=false");
    }

    @Test
    void refusesMapIdsThatAreNotUnique() {
        assertThatThrownBy(() -> StartChecks.requireMemoryShuffle(Map.of("spark.shuffle.useOldFetchProtocol", "true")))
                .hasMessage(
                        "spark.shuffle.useOldFetchProtocol=true cannot be used: it gives two attempts of a map task the same"
                                + " id, and a reader could mix their outputs. Change this line to"
                                + " spark.shuffle.useOldFetchProtocol=false");
    }

    @Test
    void refusesFallbackStorage() {
        String key = "spark.storage.decommission.fallbackStorage.path";
        assertThatThrownBy(() -> StartChecks.requireMemoryShuffle(Map.of(key, "s3a://b/")))
                .hasMessage(
                        key + "=s3a://b/ cannot be used: Spark copies shuffle files there, and map outputs are in the"
                                + " executors' memory; a decommissioned executor hands them to another one. Remove this line");
    }

    @Test
    void refusesAnotherStoreOfMapOutputs() {
        String key = "spark.shuffle.sort.io.plugin.class";
        assertThatThrownBy(() -> StartChecks.requireMemoryShuffle(Map.of(key, "org.example.S3ShuffleDataIO")))
                .hasMessage(
                        key + "=org.example.S3ShuffleDataIO cannot be used: it stores the map outputs of Spark's sort"
                                + " shuffle, which does not run. Remove this line, or keep it and set spark.shuffle.manager=sort");
        StartChecks.requireMemoryShuffle(Map.of(key, "org.apache.spark.shuffle.sort.io.LocalDiskShuffleDataIO"));
    }

    @Test
    void acceptsWhatIsSwitchedOff() {
        StartChecks.requireMemoryShuffle(Map.of(
                "spark.shuffle.service.enabled", "false",
                "spark.shuffle.push.enabled", "false",
                "spark.dynamicAllocation.enabled", "true"));
    }

    @Test
    void shufflesOnlyUnderItsOwnName() {
        assertThat(StartChecks.shufflesHere(
                        Map.of("spark.shuffle.manager", "io.sparkmooncake.shuffle.MooncakeShuffleManager")))
                .isTrue();
        assertThat(StartChecks.shufflesHere(Map.of("spark.shuffle.manager", "sort")))
                .isFalse();
        assertThat(StartChecks.shufflesHere(Map.of())).isFalse();
    }
}
