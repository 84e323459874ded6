// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.util.Map;

/**
 * Settings of ranks with GPUs.
 *
 * @param enabled whether ranks use the devices that Spark assigns
 * @param memoryBytes most that a rank allocates through one communicator
 * @param segmentBytes size of one region that the other ranks map
 */
public record GpuSettings(boolean enabled, long memoryBytes, long segmentBytes) {
    /** Checks what the domains of single settings cannot say. */
    public GpuSettings {
        if (segmentBytes > memoryBytes) {
            throw new IllegalArgumentException(Settings.GPU_SEGMENT.key() + "=" + segmentBytes + " is more than "
                    + Settings.GPU_MEMORY.key() + "=" + memoryBytes + ". Lower the one, or raise the other");
        }
    }

    /** Reads the settings from Spark's configuration. */
    public static GpuSettings read(Map<String, String> conf) {
        return new GpuSettings(
                Settings.GPU_ENABLED.read(conf), Settings.GPU_MEMORY.read(conf), Settings.GPU_SEGMENT.read(conf));
    }
}
