// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.tcp.RegionTable.Registration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One request's way to the owner's regions: checks each entry, and holds the regions of one run of bytes until that run has
 * left or landed.
 *
 * <p>Threading: the connection's event loop; what {@link #handOver} returns, any thread.
 */
final class RegionAccess {
    private final RegionTable table;
    private final Wire wire;
    private final EntryColumns columns;
    private List<Registration> held = new ArrayList<>(1);
    private @Nullable Registration last;
    private long refusedRegionBytes;

    RegionAccess(RegionTable table, Wire wire, EntryColumns columns) {
        this.table = table;
        this.wire = wire;
        this.columns = columns;
    }

    /** Checks an entry and, if it passes, holds its region; its {@link #region} is then known. */
    Refusal open(int entry) {
        long id = columns.regionId(entry);
        Registration registration = last;
        if (registration == null || registration.region().id() != id) {
            registration = table.find(id);
            if (registration == null) {
                refusedRegionBytes = 0;
                return Refusal.UNKNOWN_REGION;
            }
        }
        Refusal refusal = registration.check(columns.regionKey(entry), columns.offset(entry), columns.length(entry));
        if (refusal != Refusal.NONE) {
            refusedRegionBytes = registration.sizeBytes();
            return refusal;
        }
        if (registration != last) {
            if (!registration.acquire(wire)) {
                refusedRegionBytes = 0;
                return Refusal.UNKNOWN_REGION;
            }
            held.add(registration);
            last = registration;
        }
        return Refusal.NONE;
    }

    /** Returns the size of the region of the entry that was refused last, 0 if it is unknown. */
    long refusedRegionBytes() {
        return refusedRegionBytes;
    }

    /** Returns the region of the entry opened last. */
    HostRegion region() {
        if (last == null) {
            throw new IllegalStateException("no entry is open");
        }
        return last.region();
    }

    /** Ends the run: the regions held until now are the caller's, who runs what is returned when the run is over. */
    Runnable handOver() {
        if (held.isEmpty()) {
            return () -> {};
        }
        List<Registration> run = held;
        held = new ArrayList<>(1);
        last = null;
        return () -> run.forEach(registration -> registration.release(wire));
    }
}
