// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import io.sparkmooncake.transfer.memory.Location;

/**
 * Which device it is.
 *
 * @param ordinal as this process numbers its visible devices
 * @param uuid the same in every process and under every CUDA_VISIBLE_DEVICES: {@code GPU-…}
 * @param pciBusId the same in every process of the host: {@code 0000:1b:00.0}
 * @param name of the model
 * @param computeCapability major times ten plus minor: 90
 * @param multiprocessors number of them
 * @param totalBytes of its memory
 */
public record DeviceIdentity(
        int ordinal,
        String uuid,
        String pciBusId,
        String name,
        int computeCapability,
        int multiprocessors,
        long totalBytes) {
    /** Returns {@code cuda:N}. */
    public Location location() {
        return new Location(Location.Kind.CUDA, ordinal);
    }

    /** Returns what errors say: {@code cuda:0 (NVIDIA H200 at 0000:1b:00.0)}. */
    public String describe() {
        return location() + " (" + name + " at " + pciBusId + ")";
    }
}
