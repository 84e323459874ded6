// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import io.sparkmooncake.gpu.driver.GpuException.Code;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Whether this process has devices. Looked up once, when the class is first used; a machine without a driver loads no class of JCuda
 * and no native library.
 *
 * <p>Threading: safe from any thread.
 */
public final class Cuda {
    /** What the kernel's part of the driver makes: natively, and under WSL. */
    private static final List<Path> SIGNS =
            List.of(Path.of("/dev/nvidiactl"), Path.of("/proc/driver/nvidia/version"), Path.of("/dev/dxg"));

    private static final Found FOUND = look(SIGNS);

    private Cuda() {}

    /**
     * What was found.
     *
     * @param cause why there are no devices; empty where there are
     * @param devices those that this process sees
     */
    record Found(String cause, List<DeviceIdentity> devices) {}

    static Found look(List<Path> signs) {
        if (signs.stream().noneMatch(Files::exists)) {
            return new Found("this host has no NVIDIA driver: none of " + signs + " is there", List.of());
        }
        try {
            List<DeviceIdentity> devices = DriverCalls.devices();
            return devices.isEmpty()
                    ? new Found(
                            "the driver shows this process no device: CUDA_VISIBLE_DEVICES="
                                    + System.getenv("CUDA_VISIBLE_DEVICES"),
                            List.of())
                    : new Found("", devices);
        } catch (NoClassDefFoundError e) {
            return new Found(
                    "the driver is there, but JCuda is not on the class path (" + e.getMessage()
                            + "): add org.jcuda:jcuda and org.jcuda:jcuda-natives:linux-x86_64",
                    List.of());
        } catch (GpuException | LinkageError | UnsupportedOperationException | UncheckedIOException e) {
            return new Found("the driver is there and does not work: " + e.getMessage(), List.of());
        }
    }

    /** Tells that this process has at least one device. */
    public static boolean isAvailable() {
        return FOUND.cause().isEmpty();
    }

    /** Returns why it has none; empty where it has. */
    public static String unavailabilityCause() {
        return FOUND.cause();
    }

    /** Returns the devices that this process sees; empty where there are none. */
    public static List<DeviceIdentity> devices() {
        return FOUND.devices();
    }

    /**
     * Returns the device of an ordinal.
     *
     * @throws GpuException UNAVAILABLE, with the cause or the devices that there are
     */
    public static DeviceIdentity device(int ordinal) {
        if (!isAvailable()) {
            throw new GpuException(Code.UNAVAILABLE, unavailabilityCause());
        }
        if (ordinal < 0 || ordinal >= FOUND.devices().size()) {
            throw new GpuException(
                    Code.UNAVAILABLE,
                    "ordinal=" + ordinal + " is none of this process's devices="
                            + FOUND.devices().stream()
                                    .map(DeviceIdentity::describe)
                                    .toList());
        }
        return FOUND.devices().get(ordinal);
    }
}
