// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.util.Set;

/**
 * Which memory of which processes a transport of mapped memory reaches.
 *
 * @param name of the path
 * @param kinds of memory that it maps
 * @param reach how far handles lead
 * @param creation makes the memory that proves the path
 */
record Domain(String name, Set<DeviceRegion.Kind> kinds, Reach reach, Creation creation) {
    /** Processes of one host, by legacy IPC or descriptors. */
    static final Domain NVLINK = new Domain(
            "nvlink",
            Set.of(DeviceRegion.Kind.PLAIN, DeviceRegion.Kind.VIRTUAL),
            Reach.HOST,
            (device, bytes) -> DeviceRegion.allocate(device, DeviceRegion.Kind.PLAIN, bytes));

    /** Nodes of an NVLink domain, by handles of the fabric. */
    static final Domain MNNVL = new Domain(
            "mnnvl",
            Set.of(DeviceRegion.Kind.FABRIC),
            Reach.NODES,
            (device, bytes) -> DeviceRegion.allocate(device, DeviceRegion.Kind.FABRIC, bytes));

    Domain {
        kinds = Set.copyOf(kinds);
    }

    /** Tells that the path of a descriptor leads to memory that this transport maps. */
    boolean maps(String path) {
        for (DeviceRegion.Kind kind : kinds) {
            if (path.startsWith(RegionPath.prefix(kind))) {
                return true;
            }
        }
        return false;
    }

    /** How far handles lead. */
    enum Reach {
        /** To processes of the same host, whose life can be seen. */
        HOST,
        /** To other nodes. */
        NODES
    }

    /** Makes a region; the one place where hardware without IMEX channels refuses. */
    @FunctionalInterface
    interface Creation {
        /** Allocates a region, which is the caller's. */
        DeviceRegion create(Device device, long bytes);
    }
}
