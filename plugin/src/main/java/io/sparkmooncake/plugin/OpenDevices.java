// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.collectives.fabric.DeviceSeat;
import io.sparkmooncake.conf.GpuSettings;
import io.sparkmooncake.gpu.driver.Cuda;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.DeviceIdentity;
import io.sparkmooncake.gpu.driver.GpuException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Devices in use by this executor, each opened once, however many ranks it has. Threading: safe from any thread. */
final class OpenDevices implements AutoCloseable {
    private final GpuSettings settings;
    private final Duration timeout;

    @GuardedBy("this")
    private final Map<Integer, Device> devices = new TreeMap<>();

    OpenDevices(GpuSettings settings, Duration timeout) {
        this.settings = settings;
        this.timeout = timeout;
    }

    /** Returns a rank's place on the device of an address of Spark's resource. */
    synchronized DeviceSeat seat(String address) {
        String visible = System.getenv("CUDA_VISIBLE_DEVICES");
        Optional<DeviceIdentity> found = DeviceAddress.find(address, Cuda.devices(), visible);
        if (found.isEmpty()) {
            return DeviceSeat.none(DeviceAddress.unknown(address, Cuda.devices(), visible));
        }
        try {
            return new RankSeat(devices.computeIfAbsent(found.get().ordinal(), Device::open), settings, timeout);
        } catch (GpuException e) {
            return DeviceSeat.none(e.getMessage());
        }
    }

    synchronized long held() {
        return devices.values().stream()
                .mapToLong(each -> each.plain().held() + each.virtual().held())
                .sum();
    }

    @Override
    public synchronized void close() {
        devices.values().forEach(Device::close);
        devices.clear();
    }
}
