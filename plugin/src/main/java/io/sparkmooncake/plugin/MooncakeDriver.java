// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import com.codahale.metrics.MetricRegistry;
import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.conf.Settings.OnUnsupported;
import io.sparkmooncake.transfer.store.HostedStore;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The driver's side: checks the platform and the configuration, names the shuffle manager, hosts the store and hands out the application's
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
        Map<String, String> settings = MooncakePlugin.settings(sc.conf());
        Settings.check(settings);
        sc.conf().set(StartChecks.MANAGER_KEY, chooseManager(Platform.here(sc.version()), settings));
        HostedStore hosted = new HostedStore(Settings.STORE_BYTES.read(settings));
        store = hosted;
        sc.listenerBus().addToQueue(new LostExecutors(hosted), LostExecutors.QUEUE);
        return ApplicationSecret.handOut(SparkEnv.get().securityManager().isAuthenticationEnabled());
    }

    /**
     * Returns the shuffle manager of this application. Executors follow: they are started with the driver's configuration.
     *
     * @throws IllegalStateException if the shuffle cannot run and the user did not ask for Spark's own
     */
    static String chooseManager(Platform platform, Map<String, String> settings) {
        Optional<String> other = StartChecks.otherManager(settings);
        Optional<String> obstacle = StartChecks.obstacle(platform, settings);
        if (obstacle.isPresent()) {
            if (Settings.ON_UNSUPPORTED.read(settings) == OnUnsupported.FAIL) {
                throw new IllegalStateException(
                        obstacle.get() + ". To run such applications with Spark's own shuffle, set "
                                + Settings.ON_UNSUPPORTED.key() + "=sort");
            }
            String manager = other.orElse(StartChecks.SPARK_MANAGER);
            LOG.warn(
                    "{}={} shuffles instead of spark-mooncake, as {}=sort allows: {}",
                    StartChecks.MANAGER_KEY,
                    manager,
                    Settings.ON_UNSUPPORTED.key(),
                    obstacle.get());
            return manager;
        }
        if (other.isPresent()) {
            LOG.warn(
                    "{}={} was found, so spark-mooncake does not shuffle and runs its transfer engine and ranks only. To"
                            + " shuffle over it, set {}={}, also when the platform sets this key",
                    StartChecks.MANAGER_KEY,
                    other.get(),
                    StartChecks.MANAGER_KEY,
                    StartChecks.MANAGER);
            return other.get();
        }
        StartChecks.warnings(platform, settings).forEach(LOG::warn);
        return StartChecks.MANAGER;
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

    /**
     * Answers an executor. Messages and answers are arrays of the JDK only: Spark's RPC reads them with a class loader that does not
     * have the classes of a jar from {@code spark.jars}, and an executor that cannot read an answer ends.
     */
    @Override
    public Object receive(Object message) {
        if (message instanceof byte[] request) {
            return hosted().answer(request);
        }
        if (message instanceof int[] shuffles) {
            return ForgottenShuffles.among(shuffles);
        }
        if (message instanceof long[] maps) {
            return ForgottenShuffles.among(maps);
        }
        throw new IllegalArgumentException(
                "a message of type=" + message.getClass().getName() + " is none of spark-mooncake's");
    }

    private HostedStore hosted() {
        return Objects.requireNonNull(store, "Spark calls init before anything else");
    }
}
