// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.algorithm.OrderedCommunicator;
import io.sparkmooncake.collectives.fabric.DeviceSeat;
import io.sparkmooncake.collectives.fabric.Fabric;
import io.sparkmooncake.collectives.fabric.Subgroups;
import io.sparkmooncake.collectives.hierarchy.DeviceHierarchy;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * Takes ranks that met on the host to their devices, where every one has a device: directly where all are on one host, host by host
 * where each host has as many ranks as the others. Where not, all of them stay on the host, and refuse memory of devices with the
 * reasons, one for each rank that has none.
 *
 * <p>Threading: the rank's own thread.
 */
final class DeviceJoining {
    private static final int MOST_ROWS = 16;
    private static final Subgroups NO_GROUPS = self -> {
        throw new IllegalStateException(self.communicator() + " is part of another communicator, and is not split");
    };

    private final Rendezvous rendezvous;
    private final Subgroups subgroups;
    private final OrderedCommunicator host;
    private final DeviceSeat seat;

    /** What a rank tells the others. */
    record Place(String mark, String cause) implements Serializable {
        private static final long serialVersionUID = 1;
    }

    /** Takes host and seat over. */
    DeviceJoining(Rendezvous rendezvous, Subgroups subgroups, OrderedCommunicator host, DeviceSeat seat) {
        this.rendezvous = rendezvous;
        this.subgroups = subgroups;
        this.host = host;
        this.seat = seat;
    }

    /** Closes host and seat when it fails. */
    Communicator join() throws CollectiveException {
        boolean joined = false;
        try {
            List<Place> places = host.allGatherObjects(new Place(rendezvous.mark(), seat.unavailabilityCause()));
            Map<String, List<Integer>> hosts = byHost(places);
            String refusal = refusal(places, hosts);
            Communicator result = refusal.isEmpty() ? onDevices(List.copyOf(hosts.values())) : refused(refusal);
            joined = true;
            return result;
        } finally {
            if (!joined) {
                seat.close();
                host.close();
            }
        }
    }

    /** Returns the ranks of each host, hosts in the order of their first. */
    static Map<String, List<Integer>> byHost(List<Place> places) {
        Map<String, List<Integer>> hosts = new LinkedHashMap<>();
        for (int rank = 0; rank < places.size(); rank++) {
            hosts.computeIfAbsent(places.get(rank).mark, mark -> new ArrayList<>())
                    .add(rank);
        }
        return hosts;
    }

    private Communicator refused(String refusal) {
        seat.close();
        return host.withoutDevices(refusal);
    }

    private Communicator onDevices(List<List<Integer>> hosts) throws CollectiveException {
        if (hosts.size() > 1) {
            return acrossHosts(hosts);
        }
        try {
            Fabric fabric = seat.join(host);
            return new OrderedCommunicator(fabric, subgroups, seat::close);
        } catch (CollectiveException e) {
            if (e.code() != Code.REFUSED) {
                throw e;
            }
            // A refusal of all leaves the host's communicator whole; anything else broke it.
            host.requireWhole();
            return refused(Objects.toString(e.getMessage(), ""));
        }
    }

    /** Joins the devices of each host, and then those at the same place of every host. */
    private Communicator acrossHosts(List<List<Integer>> hosts) throws CollectiveException {
        Membership self = host.membership();
        int home = 0;
        while (!hosts.get(home).contains(self.rank())) {
            home++;
        }
        List<Integer> mates = hosts.get(home);
        int place = mates.indexOf(self.rank());
        List<Communicator> parts = new ArrayList<>();
        boolean joined = false;
        try {
            OrderedCommunicator nearHost =
                    rendezvous.joinHost(part(self, ".near" + home, place, mates.size()), NO_GROUPS);
            parts.add(nearHost);
            String refusal = "";
            try {
                parts.set(0, new OrderedCommunicator(seat.join(nearHost), NO_GROUPS, seat::close));
            } catch (CollectiveException e) {
                refusal = Objects.toString(e.getMessage(), e.code().name());
            }
            List<String> refusals = host.allGatherObjects(refusal).stream()
                    .filter(each -> !each.isEmpty())
                    .distinct()
                    .toList();
            if (!refusals.isEmpty()) {
                parts.remove(0).close();
                joined = true;
                return refused(String.join("; ", refusals));
            }
            Communicator far = rendezvous.joinHost(part(self, ".far" + place, home, hosts.size()), NO_GROUPS);
            parts.add(far);
            Fabric fabric = new DeviceHierarchy(new DeviceHierarchy.Parts(host, parts.get(0), far));
            joined = true;
            return new OrderedCommunicator(fabric, subgroups, seat::close);
        } finally {
            if (!joined) {
                host.abort("it did not join its host's devices");
                parts.forEach(Communicator::close);
            }
        }
    }

    /** A name that would be too long stands for the communicator's by its hash. */
    private static Membership part(Membership self, String suffix, int rank, int size) {
        String name = self.communicator() + suffix;
        if (name.length() > Membership.MAX_NAME_CHARS) {
            name = String.format(Locale.ROOT, "%08x%s", self.communicator().hashCode(), suffix);
        }
        return new Membership(name, self.epoch(), rank, size);
    }

    /** Returns why the ranks stay on the host, the same on all of them; empty where they do not. */
    static String refusal(List<Place> places, Map<String, List<Integer>> hosts) {
        StringBuilder rows = new StringBuilder();
        int without = 0;
        for (int rank = 0; rank < places.size(); rank++) {
            String cause =
                    places.get(rank).cause.isEmpty() && places.get(rank).mark.isEmpty()
                            ? "path shm is off, so ranks of one host do not know each other"
                            : places.get(rank).cause;
            if (!cause.isEmpty() && ++without <= MOST_ROWS) {
                rows.append(rows.isEmpty() ? "" : "; ")
                        .append("rank ")
                        .append(rank)
                        .append(": ")
                        .append(cause);
            }
        }
        if (without > 0) {
            String more = without > MOST_ROWS ? "; and " + (without - MOST_ROWS) + " more" : "";
            return without + " of " + places.size() + " ranks cannot use a device: " + rows + more;
        }
        return hosts.values().stream().map(List::size).distinct().count() == 1
                ? ""
                : "devices of several hosts join where each host has as many ranks as the others, and these are ranks="
                        + hosts.values();
    }
}
