// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Cuda;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.VirtualMemory.HandleType;
import io.sparkmooncake.gpu.memory.DescriptorSockets;
import io.sparkmooncake.transfer.spi.ControlPlane;
import io.sparkmooncake.transfer.spi.Transport;
import io.sparkmooncake.transfer.spi.TransportSource;
import io.sparkmooncake.transfer.spi.UnavailableTransport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * The paths of device memory, as an engine starts them. A path that cannot work in this process is there all the same, and refuses every
 * peer with the cause.
 *
 * <p>Threading: stateless.
 */
public final class DevicePaths {
    private DevicePaths() {}

    /**
     * Returns the sources of {@code mnnvl}, {@code nvlink} and {@code staged} on devices of this process, which outlive the engine.
     *
     * @param devices empty where there are none: then every path says why
     */
    public static Map<String, TransportSource> sources(List<Device> devices) {
        return Map.of(
                "mnnvl", (control, carriers, directory) -> mnnvl(devices),
                "nvlink", (control, carriers, directory) -> nvlink(devices),
                "staged", (control, carriers, directory) -> staged(control, carriers, directory, devices));
    }

    /** Starts the path between processes of one host; see {@link MappedTransport}. */
    public static Transport nvlink(List<Device> devices) {
        return devices.isEmpty() ? absent("nvlink") : start(Domain.NVLINK, devices);
    }

    /** Starts the path between nodes of an NVLink domain, where the fabric's memory was made, exported, imported and written. */
    public static Transport mnnvl(List<Device> devices) {
        if (devices.isEmpty()) {
            return absent("mnnvl");
        }
        String refusal = devices.get(0).virtual().probe(HandleType.FABRIC, DescriptorSockets::close);
        return refusal.isEmpty()
                ? start(Domain.MNNVL, devices)
                : new UnavailableTransport("mnnvl", "mnnvl: " + refusal);
    }

    static Transport start(Domain domain, List<Device> devices) {
        try {
            return MappedTransport.start(domain, devices);
        } catch (GpuException | IOException e) {
            return new UnavailableTransport(domain.name(), domain.name() + ": " + e.getMessage());
        }
    }

    private static Transport staged(
            ControlPlane control, Map<String, Transport> carriers, Path directory, List<Device> devices) {
        if (devices.isEmpty()) {
            return absent("staged");
        }
        try {
            return StagedTransport.start(control, carriers, directory, devices);
        } catch (GpuException | IOException e) {
            return new UnavailableTransport("staged", "staged: " + e.getMessage());
        }
    }

    private static Transport absent(String name) {
        String cause = Cuda.unavailabilityCause();
        return new UnavailableTransport(
                name, name + ": " + (cause.isEmpty() ? "this process was given no device" : cause));
    }
}
