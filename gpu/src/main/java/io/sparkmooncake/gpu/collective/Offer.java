// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.io.Serializable;
import java.util.List;

/**
 * What a rank tells the others of itself and its regions.
 *
 * @param process random, one for each process: ranks of one process share addresses
 * @param pid of the process, for errors
 * @param deviceUuid of the rank's device
 * @param device as errors name it
 * @param descriptors path of the socket that takes descriptors; empty where no region needs one
 * @param regions by slot
 */
record Offer(String process, long pid, String deviceUuid, String device, String descriptors, List<Shared> regions)
        implements Serializable {
    private static final long serialVersionUID = 1L;

    Offer {
        regions = List.copyOf(regions);
    }

    /**
     * One region.
     *
     * @param kind how it is mapped
     * @param address in its own process
     * @param sizeBytes of all of it
     * @param handle of legacy IPC, hexadecimal; empty for a region whose descriptor travels
     */
    record Shared(DeviceRegion.Kind kind, long address, long sizeBytes, String handle) implements Serializable {
        private static final long serialVersionUID = 1L;
    }

    /** Returns what errors call the rank. */
    String describe() {
        return "pid " + pid + " on " + device;
    }
}
