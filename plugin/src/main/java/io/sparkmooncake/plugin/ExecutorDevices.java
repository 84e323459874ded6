// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.collectives.fabric.DeviceRanks;
import io.sparkmooncake.collectives.fabric.DeviceSeat;
import io.sparkmooncake.conf.GpuSettings;
import io.sparkmooncake.conf.Settings;
import io.sparkmooncake.gpu.driver.Cuda;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The GPUs that Spark assigned to this executor, opened by the first task that was assigned one. Without an assigned GPU, or without a
 * driver, nothing of CUDA is loaded.
 *
 * <p>Threading: safe from any thread.
 */
final class ExecutorDevices implements DeviceRanks, AutoCloseable {
    private final GpuSettings settings;
    private final Duration timeout;

    @GuardedBy("this")
    private @Nullable OpenDevices open;

    ExecutorDevices(GpuSettings settings, Duration timeout) {
        this.settings = settings;
        this.timeout = timeout;
    }

    @Override
    public DeviceSeat seat(List<String> addresses) {
        if (!settings.enabled()) {
            return DeviceSeat.none(Settings.GPU_ENABLED.key() + "=false");
        }
        return Cuda.isAvailable() ? open().seat(addresses.get(0)) : DeviceSeat.none(Cuda.unavailabilityCause());
    }

    private synchronized OpenDevices open() {
        OpenDevices devices = open;
        if (devices == null) {
            devices = new OpenDevices(settings, timeout);
            open = devices;
        }
        return devices;
    }

    /** Returns how many allocations and mappings of device memory this process has not given back. */
    synchronized long held() {
        return open == null ? 0 : open.held();
    }

    @Override
    public synchronized void close() {
        if (open != null) {
            open.close();
            open = null;
        }
    }
}
