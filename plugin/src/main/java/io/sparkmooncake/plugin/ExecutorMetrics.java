// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import com.codahale.metrics.MetricRegistry;
import io.sparkmooncake.shuffle.ShuffleRuntime;
import io.sparkmooncake.shuffle.read.ReadCounters;
import io.sparkmooncake.shuffle.read.ReadCounters.Path;
import io.sparkmooncake.shuffle.read.ReadCounters.Retry;
import io.sparkmooncake.shuffle.write.WriteCounters;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PathTraffic;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;

/**
 * What Spark's metric sinks see of an executor, as {@code plugin.io.sparkmooncake.plugin.MooncakePlugin.*}. Gauges over counters
 * that run anyway: nothing is counted for them.
 */
final class ExecutorMetrics {
    private final MetricRegistry registry;

    ExecutorMetrics(MetricRegistry registry) {
        this.registry = registry;
    }

    void measure(LocalEngine engine) {
        List<PathTraffic> paths = engine.traffic();
        for (int i = 0; i < paths.size(); i++) {
            int index = i;
            Supplier<PathTraffic> path = () -> engine.traffic().get(index);
            String prefix = "transfer." + paths.get(i).path() + ".";
            gauge(prefix + "read.bytes", path, PathTraffic::bytesRead);
            gauge(prefix + "write.bytes", path, PathTraffic::bytesWritten);
            gauge(prefix + "batches", path, PathTraffic::batches);
            gauge(prefix + "regions.mapped", path, PathTraffic::regionsMapped);
            gauge(prefix + "refused", path, PathTraffic::refused);
        }
    }

    void measure(ExecutorDevices devices) {
        gauge("gpu.memory.held", () -> devices, ExecutorDevices::held);
    }

    void measure(ShuffleRuntime runtime) {
        ReadCounters reads = runtime.reads();
        for (Path path : Path.values()) {
            String name = path.name().replace("_", "").toLowerCase(Locale.ROOT);
            gauge("read.bytes." + name, () -> reads, counters -> counters.bytes(path));
        }
        for (Retry retry : Retry.values()) {
            String name = retry.name().toLowerCase(Locale.ROOT);
            gauge("read.retries." + name, () -> reads, counters -> counters.retries(retry));
        }
        gauge("read.wait.millis", () -> reads, ReadCounters::waitMillis);
        WriteCounters writes = runtime.writes();
        gauge("write.bytes.memory", () -> writes, WriteCounters::memoryBytes);
        gauge("write.bytes.disk", () -> writes, WriteCounters::diskBytes);
        pool("memory", runtime.resources().memory());
        pool("disk", runtime.resources().files());
        pool("scratch", runtime.resources().scratch());
        gauge("memory.limit.bytes", runtime.resources()::memory, RegionPool::limitBytes);
        gauge("memory.moved.bytes", runtime::store, store -> store.movedBytes());
        gauge("leases.live", runtime::store, store -> store.liveLeases());
    }

    private void pool(String name, RegionPool pool) {
        gauge(name + ".used.bytes", () -> pool, RegionPool::usedBytes);
        gauge(name + ".committed.bytes", () -> pool, RegionPool::committedBytes);
    }

    private <T> void gauge(String name, Supplier<T> source, ToLongFunction<T> value) {
        registry.gauge(name, () -> () -> value.applyAsLong(source.get()));
    }
}
