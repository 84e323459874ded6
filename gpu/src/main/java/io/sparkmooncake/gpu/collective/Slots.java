// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.gpu.memory.DeviceRegion;
import java.util.ArrayList;
import java.util.List;

/** This rank's regions by slot: the control region, the scratch region, the staging region, and what was shared. One thread at a time. */
final class Slots {
    static final int STAGING = 2;
    static final long NONE = -1;

    private final List<DeviceRegion> regions = new ArrayList<>();

    /** Adds regions, and then slots without one up to this number. */
    void add(List<DeviceRegion> more, int slots) {
        regions.addAll(more);
        while (regions.size() < slots) {
            regions.add(regions.get(0));
        }
    }

    DeviceRegion region(int slot) {
        return regions.get(slot);
    }

    /** Returns where a stretch is as all ranks understand it, {@link #NONE} where they do not map it. */
    long place(long address, long bytes) {
        for (int slot = STAGING; slot < regions.size(); slot++) {
            DeviceRegion region = regions.get(slot);
            if (region.contains(address, bytes)) {
                return CallLayout.place(slot, address - region.address());
            }
        }
        return NONE;
    }
}
