// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.gpu.driver.DeviceIdentity;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Which device an address of Spark's resource {@code gpu} means in this process. A discovery script decides how addresses are written. */
final class DeviceAddress {
    private static final String UUID = "GPU-";
    private static final String NUMBER = "\\d{1,9}";

    /** The domain of a PCI address has four digits or, as nvidia-smi writes it, eight. */
    private static final String PCI = "([0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\\.[0-9a-f]";

    private static final int DOMAIN_DIGITS = 4;

    private DeviceAddress() {}

    /**
     * Finds the device: by its UUID ({@code GPU-…}), by its PCI bus id ({@code 0000:1b:00.0}), or by its number. A number that
     * CUDA_VISIBLE_DEVICES lists means the device at that place of the list; any other counts the devices that this process sees.
     *
     * @param visible what this process sees, by ordinal
     * @param visibleDevices CUDA_VISIBLE_DEVICES; null where it is not set
     * @return empty where it is none of them
     */
    static Optional<DeviceIdentity> find(
            String address, List<DeviceIdentity> visible, @Nullable String visibleDevices) {
        String text = address.trim();
        if (text.startsWith(UUID)) {
            return visible.stream().filter(each -> each.uuid().equals(text)).findFirst();
        }
        String lower = text.toLowerCase(Locale.ROOT);
        if (lower.matches(PCI)) {
            String bus = busId(lower);
            return visible.stream()
                    .filter(each ->
                            busId(each.pciBusId().toLowerCase(Locale.ROOT)).equals(bus))
                    .findFirst();
        }
        if (!text.matches(NUMBER)) {
            return Optional.empty();
        }
        int listed = visibleDevices == null
                ? -1
                : Arrays.stream(visibleDevices.split(",", -1))
                        .map(String::trim)
                        .toList()
                        .indexOf(text);
        int ordinal = listed >= 0 ? listed : Integer.parseInt(text);
        return visible.stream().filter(each -> each.ordinal() == ordinal).findFirst();
    }

    /** Says why it found none. */
    static String unknown(String address, List<DeviceIdentity> visible, @Nullable String visibleDevices) {
        return "address=" + address + " of resource gpu is none of this process's devices="
                + visible.stream()
                        .map(each -> each.describe() + " " + each.uuid())
                        .toList()
                + ", CUDA_VISIBLE_DEVICES=" + visibleDevices
                + ": let the discovery script print indexes as this process numbers them, UUIDs (GPU-...) or PCI bus ids";
    }

    private static String busId(String text) {
        String full = text.indexOf(':') == text.lastIndexOf(':') ? "0000:" + text : text;
        int end = full.indexOf(':');
        return full.substring(Math.max(0, end - DOMAIN_DIGITS));
    }
}
