// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import com.codahale.metrics.MetricRegistry;
import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.transfer.store.HostedStore;
import java.util.Map;
import java.util.Objects;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The driver's side: checks the configuration, names the shuffle manager, hosts the store and hands out the application's
 * secret.
 *
 * <p>Threading: {@link #init} runs while the SparkContext is made; {@link #receive} runs on the thread of Spark's plugin
 * endpoint and never waits. There is nothing to shut down: the store answers executors that leave until Spark closes the
 * endpoint.
 */
final class MooncakeDriver implements DriverPlugin {
    private static final Logger LOG = LoggerFactory.getLogger(MooncakeDriver.class);

    private volatile @Nullable HostedStore store;

    @Override
    public Map<String, String> init(SparkContext sc, PluginContext context) {
        SparkVersion version = StartChecks.requireSupported(sc.version(), scala.util.Properties.versionNumberString());
        Map<String, String> settings = MooncakePlugin.settings(sc.conf());
        Settings.check(settings);
        chooseShuffle(sc, version, settings);
        HostedStore hosted = new HostedStore(Settings.STORE_BYTES.read(settings));
        store = hosted;
        sc.listenerBus().addToQueue(new LostExecutors(hosted), LostExecutors.QUEUE);
        return ApplicationSecret.handOut(SparkEnv.get().securityManager().isAuthenticationEnabled());
    }

    private static void chooseShuffle(SparkContext sc, SparkVersion version, Map<String, String> settings) {
        StartChecks.requireNamedManager(version, settings);
        String named = settings.getOrDefault(StartChecks.MANAGER_KEY, StartChecks.MANAGER);
        if (named.equals(StartChecks.MANAGER)) {
            StartChecks.requireMemoryShuffle(settings);
            sc.conf().set(StartChecks.MANAGER_KEY, StartChecks.MANAGER);
            StartChecks.decommissionWarning(version, settings).ifPresent(LOG::warn);
        } else {
            LOG.warn(
                    "{}={} keeps the shuffle, and spark-mooncake offers its transfer engine only. To shuffle over it, remove"
                            + " that line",
                    StartChecks.MANAGER_KEY,
                    named);
        }
    }

    @Override
    public void registerMetrics(String appId, PluginContext context) {
        HostedStore hosted = hosted();
        MetricRegistry registry = context.metricRegistry();
        registry.gauge("store.keys", () -> () -> hosted.figures().keys());
        registry.gauge("store.bytes", () -> () -> hosted.figures().bytes());
        registry.gauge("store.limit.bytes", () -> () -> hosted.figures().limitBytes());
        registry.gauge("store.requests", () -> () -> hosted.figures().requests());
    }

    @Override
    public Object receive(Object message) {
        if (message instanceof byte[] request) {
            return hosted().answer(request);
        }
        if (message instanceof int[] shuffles) {
            return ForgottenShuffles.among(shuffles);
        }
        if (message instanceof HeldMaps maps) {
            return ForgottenShuffles.among(maps);
        }
        throw new IllegalArgumentException(
                "a message of type=" + message.getClass().getName() + " is none of spark-mooncake's");
    }

    private HostedStore hosted() {
        return Objects.requireNonNull(store, "Spark calls init before anything else");
    }
}
