// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.ProcessDescriptors;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import io.sparkmooncake.gpu.memory.PeerMapping;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * How devices of other processes map a region, as the path of its descriptor:
 * {@code cuda:kind:process:pid:uuid:address:bytes:handle}.
 *
 * @param kind of the memory
 * @param process random, of the owner's process
 * @param pid of the owner
 * @param deviceUuid of the device that it is on
 * @param address in the owner's process
 * @param bytes of the whole allocation
 * @param handle of legacy IPC or of the fabric, hexadecimal; the number of a descriptor of the owner
 */
record RegionPath(
        DeviceRegion.Kind kind, String process, long pid, String deviceUuid, long address, long bytes, String handle) {
    private static final String SCHEME = "cuda";
    private static final int PARTS = 8;
    private static final int HEXADECIMAL = 16;

    /** Returns what the paths of memory of this kind begin with. */
    static String prefix(DeviceRegion.Kind kind) {
        return SCHEME + ":" + kind.name() + ":";
    }

    /** Returns null for anything that is no path of device memory. */
    static @Nullable RegionPath parse(String text) {
        String[] parts = text.split(":", -1);
        if (parts.length != PARTS || !parts[0].equals(SCHEME)) {
            return null;
        }
        try {
            return new RegionPath(
                    DeviceRegion.Kind.valueOf(parts[1]),
                    parts[2],
                    Long.parseLong(parts[3]),
                    parts[4],
                    Long.parseUnsignedLong(parts[5], HEXADECIMAL),
                    Long.parseLong(parts[6]),
                    parts[7]);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    String encode() {
        return String.join(
                ":",
                SCHEME,
                kind.name(),
                process,
                Long.toString(pid),
                deviceUuid,
                Long.toHexString(address),
                Long.toString(bytes),
                handle);
    }

    /** Maps the region on a device. */
    PeerMapping open(Device device) {
        if (process.equals(PeerMapping.PROCESS)) {
            return PeerMapping.ofThisProcess(device, deviceUuid, address);
        }
        return switch (kind) {
            case PLAIN -> PeerMapping.ofHandle(device, HexFormat.of().parseHex(handle));
            case FABRIC -> PeerMapping.ofFabric(device, HexFormat.of().parseHex(handle), bytes);
            case VIRTUAL -> {
                int descriptor = ProcessDescriptors.take(pid, Integer.parseInt(handle));
                try {
                    yield PeerMapping.ofDescriptor(device, descriptor, bytes);
                } finally {
                    ProcessDescriptors.close(descriptor);
                }
            }
            case EXTERNAL ->
                throw new GpuException(GpuException.Code.REFUSED, "memory of another library has no tag to check");
        };
    }
}
