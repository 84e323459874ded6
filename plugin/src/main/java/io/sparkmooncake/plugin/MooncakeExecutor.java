// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import java.util.Map;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;

/**
 * The executor's side: one engine, its place in the directory, the rendezvous of its ranks and, unless the user named another manager, the shuffle. With
 * {@code local[*]} the driver's process is the executor {@code driver}.
 *
 * <p>Threading: Spark calls {@link #init} and {@link #shutdown} once each, on threads of its own.
 */
final class MooncakeExecutor implements ExecutorPlugin {
    private final Opened opened = new Opened();

    /** Starts within {@code spark.mooncake.connect.timeout}, or fails the executor with the reason and leaves nothing open. */
    @Override
    public void init(PluginContext context, Map<String, String> told) {
        boolean started = false;
        try {
            ExecutorStart.of(context, told, SparkEnv.get()).open(opened);
            started = true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failed(context, e);
        } catch (Exception e) {
            throw failed(context, e);
        } finally {
            if (!started) {
                opened.close();
            }
        }
    }

    private static IllegalStateException failed(PluginContext context, Exception cause) {
        return new IllegalStateException(
                "spark-mooncake did not start on executor " + context.executorID() + " ("
                        + ExecutorStart.host(context, SparkEnv.get()) + "): "
                        + (cause.getMessage() == null ? cause : cause.getMessage()),
                cause);
    }

    @Override
    public void shutdown() {
        opened.close();
    }
}
