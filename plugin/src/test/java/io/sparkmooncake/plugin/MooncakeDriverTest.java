// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.function.UnaryOperator;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The driver's plugin against a real SparkContext that has not loaded it. */
final class MooncakeDriverTest {
    private final MooncakeDriver driver = new MooncakeDriver();
    private final FakePluginContext context = new FakePluginContext("driver");
    private SparkContext sc = SparkContext.getOrCreate(bare());

    private static SparkConf bare() {
        return new SparkConf(false)
                .setMaster("local[1]")
                .setAppName("driver")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.host", "localhost");
    }

    private void restart(UnaryOperator<SparkConf> change) {
        sc.stop();
        sc = SparkContext.getOrCreate(change.apply(bare()));
    }

    @AfterEach
    void stop() {
        sc.stop();
    }

    @Test
    void namesTheShuffleManagerUnlessTheUserDid() {
        Map<String, String> told = driver.init(sc, context);
        assertThat(sc.conf().get("spark.shuffle.manager")).isEqualTo("io.sparkmooncake.shuffle.MooncakeShuffleManager");
        assertThat(told).containsOnlyKeys("secret");
    }

    @Test
    void leavesTheShuffleToAnotherManagerAndItsService() {
        restart(conf -> conf.set("spark.shuffle.manager", "sort"));
        sc.conf().set("spark.shuffle.service.enabled", "true");
        driver.init(sc, context);
        assertThat(sc.conf().get("spark.shuffle.manager")).isEqualTo("sort");
    }

    @Test
    void handsOutNoSecretWhereSparkAuthenticates() {
        restart(conf -> conf.set("spark.authenticate", "true").set("spark.authenticate.secret", "s3"));
        assertThat(driver.init(sc, context)).containsOnlyKeys("salt");
    }

    @Test
    void refusesWhatTheChecksRefuse() {
        sc.conf().set("spark.shuffle.service.enabled", "true");
        assertThatThrownBy(() -> driver.init(sc, context)).hasMessageContaining("spark.shuffle.service.enabled=false");
        sc.conf().remove("spark.shuffle.service.enabled").set("spark.mooncake.shufle.memory", "1g");
        assertThatThrownBy(() -> driver.init(sc, context))
                .hasMessageContaining("Did you mean spark.mooncake.shuffle.memory?");
        sc.conf().remove("spark.mooncake.shufle.memory").set("spark.mooncake.tcp.port", "x");
        assertThatThrownBy(() -> driver.init(sc, context))
                .hasMessageContaining("spark.mooncake.tcp.port=x is not valid: not a whole number");
    }

    @Test
    void refusesMessagesThatAreNotItsOwn() {
        driver.init(sc, context);
        assertThatThrownBy(() -> driver.receive("hello"))
                .hasMessage("a message of type=java.lang.String is none of spark-mooncake's");
    }

    @Test
    void measuresTheStore() {
        driver.init(sc, context);
        driver.registerMetrics("app", context);
        assertThat(driver.receive(new byte[0])).isInstanceOf(byte[].class);
        assertThat(context.gauges())
                .containsOnlyKeys("store.keys", "store.bytes", "store.limit.bytes", "store.requests")
                .containsEntry("store.requests", 1L)
                .containsEntry("store.limit.bytes", 64L << 20);
    }
}
