// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.algorithm.OrderedCommunicator;
import io.sparkmooncake.collectives.fabric.DeviceSeat;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.fabric.Subgroups;
import java.io.Serializable;
import java.util.List;
import java.util.Objects;

/**
 * Takes ranks that met on the host to their devices, where every one has a device on one host. Where not, all of them stay on the host,
 * and refuse memory of devices with the reasons, one row for each rank that has none.
 *
 * <p>Threading: the rank's own thread.
 */
final class DeviceJoining {
    private static final int MOST_ROWS = 16;

    private final String mark;
    private final Subgroups subgroups;

    /** What a rank tells the others. */
    private record Place(String mark, String cause) implements Serializable {
        private static final long serialVersionUID = 1;
    }

    DeviceJoining(String mark, Subgroups subgroups) {
        this.mark = mark;
        this.subgroups = subgroups;
    }

    /** Takes host and seat over; closes both when it fails. */
    Communicator join(OrderedCommunicator host, DeviceSeat seat) throws CollectiveException {
        boolean joined = false;
        boolean seated = false;
        try {
            String refusal = refusal(host.allGatherObjects(new Place(mark, seat.unavailabilityCause())));
            if (refusal.isEmpty()) {
                try {
                    Fabric fabric = seat.join(host);
                    joined = true;
                    seated = true;
                    return new OrderedCommunicator(fabric, subgroups, seat::close);
                } catch (CollectiveException e) {
                    if (e.code() != Code.REFUSED) {
                        throw e;
                    }
                    // A refusal of all leaves the host's communicator whole; anything else broke it.
                    host.requireWhole();
                    refusal = Objects.toString(e.getMessage(), "");
                }
            }
            joined = true;
            return host.withoutDevices(refusal);
        } finally {
            if (!seated) {
                seat.close();
            }
            if (!joined) {
                host.close();
            }
        }
    }

    /** Returns why the ranks stay on the host, the same on all of them; empty where they do not. */
    private static String refusal(List<Place> places) {
        StringBuilder rows = new StringBuilder();
        int without = 0;
        for (int rank = 0; rank < places.size(); rank++) {
            String cause = cause(places.get(rank), places.get(0));
            if (!cause.isEmpty() && ++without <= MOST_ROWS) {
                rows.append(rows.isEmpty() ? "" : "; ")
                        .append("rank ")
                        .append(rank)
                        .append(": ")
                        .append(cause);
            }
        }
        if (without == 0) {
            return "";
        }
        String more = without > MOST_ROWS ? "; and " + (without - MOST_ROWS) + " more" : "";
        return without + " of " + places.size() + " ranks cannot use a device: " + rows + more;
    }

    private static String cause(Place place, Place first) {
        if (!place.cause.isEmpty()) {
            return place.cause;
        }
        if (place.mark.isEmpty()) {
            return "path shm is off, so ranks of one host do not know each other";
        }
        return place.mark.equals(first.mark) || first.mark.isEmpty()
                ? ""
                : "it is on another host than rank 0, and devices of several hosts do not join yet";
    }
}
