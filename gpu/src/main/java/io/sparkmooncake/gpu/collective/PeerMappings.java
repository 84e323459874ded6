// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.VirtualMemory.HandleType;
import io.sparkmooncake.gpu.memory.DescriptorSockets;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import io.sparkmooncake.gpu.memory.PeerMapping;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where the regions of all ranks are mapped on this rank's device: for each slot, one address for each rank, 0 where a rank has fewer.
 * Threading: the rank's own thread.
 */
final class PeerMappings implements AutoCloseable {
    private final Device device;
    private final int rank;
    private final List<long[]> slots = new ArrayList<>();
    private final List<Runnable> unmap = new ArrayList<>();
    private List<Offer> offers = List.of();

    PeerMappings(Device device, int rank) {
        this.device = device;
        this.rank = rank;
    }

    /** Returns the addresses of a slot, by rank. */
    long[] slot(int slot) {
        return slots.get(slot);
    }

    int slots() {
        return slots.size();
    }

    /** Returns what each rank said of itself last. */
    List<Offer> offers() {
        return offers;
    }

    /**
     * Maps further regions of all ranks into further slots. Every rank calls it; it fails on all of them alike, and then nothing of it
     * stays mapped.
     */
    void add(Communicator control, List<DeviceRegion> regions, Duration limit) throws CollectiveException {
        int mapped = unmap.size();
        int known = slots.size();
        String failure = "";
        try (Handing handing = Handing.of(regions)) {
            offers = control.allGatherObjects(offer(regions, handing.path()));
            failure = tryToMap(handing, regions, limit);
            control.barrier();
        } catch (CollectiveException e) {
            throw e;
        } catch (IOException e) {
            control.abort("it has no socket for descriptors: " + e.getMessage());
            throw new CollectiveException(CollectiveException.Code.REFUSED, e.toString(), e);
        }
        List<String> failures = control.allGatherObjects(failure);
        if (failures.stream().anyMatch(each -> !each.isEmpty())) {
            while (unmap.size() > mapped) {
                unmap.remove(unmap.size() - 1).run();
            }
            slots.subList(known, slots.size()).clear();
            throw new CollectiveException(CollectiveException.Code.REFUSED, table(control, failures));
        }
    }

    /** Returns why it failed; empty where it did not. */
    private String tryToMap(Handing handing, List<DeviceRegion> regions, Duration limit) {
        try {
            map(handing, regions, limit);
            return "";
        } catch (GpuException | IOException e) {
            return e.toString();
        }
    }

    private String table(Communicator control, List<String> failures) {
        StringBuilder text = new StringBuilder("communicator="
                + control.membership().communicator() + " epoch="
                + control.membership().epoch() + ": the ranks' devices cannot map each other's memory");
        for (int other = 0; other < failures.size(); other++) {
            text.append("\n  rank ")
                    .append(other)
                    .append(" (")
                    .append(offers.get(other).describe())
                    .append("): ");
            text.append(failures.get(other).isEmpty() ? "mapped all" : failures.get(other));
        }
        return text.toString();
    }

    private Offer offer(List<DeviceRegion> regions, String path) {
        List<Offer.Shared> shared = new ArrayList<>();
        for (DeviceRegion region : regions) {
            String handle = region.kind() == DeviceRegion.Kind.VIRTUAL
                    ? ""
                    : HexFormat.of().formatHex(device.plain().export(region.address()));
            shared.add(new Offer.Shared(region.kind(), region.address(), region.sizeBytes(), handle));
        }
        return new Offer(
                PeerMapping.PROCESS,
                ProcessHandle.current().pid(),
                device.identity().uuid(),
                device.identity().describe(),
                path,
                shared);
    }

    private void map(Handing handing, List<DeviceRegion> regions, Duration limit) throws IOException {
        int size = offers.size();
        Map<Integer, List<Integer>> descriptors = new HashMap<>();
        try {
            handing.exchange(device, regions, offers, rank, limit, descriptors);
            int most = offers.stream()
                    .mapToInt(each -> each.regions().size())
                    .max()
                    .orElse(0);
            for (int slot = 0; slot < most; slot++) {
                long[] addresses = new long[size];
                for (int other = 0; other < size; other++) {
                    List<Offer.Shared> theirs = offers.get(other).regions();
                    addresses[other] =
                            slot < theirs.size() ? address(other, slot, descriptors.getOrDefault(other, List.of())) : 0;
                }
                slots.add(addresses);
            }
        } finally {
            descriptors.values().forEach(list -> list.forEach(DescriptorSockets::close));
        }
    }

    private long address(int other, int slot, List<Integer> descriptors) {
        Offer offer = offers.get(other);
        Offer.Shared region = offer.regions().get(slot);
        PeerMapping mapping;
        if (offer.process().equals(PeerMapping.PROCESS)) {
            mapping = PeerMapping.ofThisProcess(device, offer.deviceUuid(), region.address());
        } else if (!region.handle().isEmpty()) {
            mapping = PeerMapping.ofHandle(device, HexFormat.of().parseHex(region.handle()));
        } else {
            int index = (int) offer.regions().stream()
                    .limit(slot)
                    .filter(each -> each.kind() == DeviceRegion.Kind.VIRTUAL)
                    .count();
            mapping = PeerMapping.ofDescriptor(device, descriptors.get(index), region.sizeBytes());
        }
        unmap.add(mapping::close);
        return mapping.address();
    }

    @Override
    public void close() {
        while (!unmap.isEmpty()) {
            unmap.remove(unmap.size() - 1).run();
        }
    }

    /** The socket through which descriptors of virtual regions come, where there are any. */
    private record Handing(@Nullable DescriptorSockets sockets, String path) implements AutoCloseable {
        static Handing of(List<DeviceRegion> regions) throws IOException {
            if (regions.stream().noneMatch(each -> each.kind() == DeviceRegion.Kind.VIRTUAL)) {
                return new Handing(null, "");
            }
            DescriptorSockets sockets = DescriptorSockets.open();
            return new Handing(sockets, sockets.path());
        }

        void exchange(
                Device device,
                List<DeviceRegion> regions,
                List<Offer> offers,
                int rank,
                Duration limit,
                Map<Integer, List<Integer>> descriptors)
                throws IOException {
            List<Integer> own = new ArrayList<>();
            try {
                for (DeviceRegion region : regions) {
                    if (region.kind() == DeviceRegion.Kind.VIRTUAL) {
                        byte[] handle = device.virtual().export(region.address(), HandleType.POSIX_FD);
                        own.add(ByteBuffer.wrap(handle)
                                .order(ByteOrder.nativeOrder())
                                .getInt(0));
                    }
                }
                int senders = 0;
                for (int other = 0; other < offers.size(); other++) {
                    boolean foreign = !offers.get(other).process().equals(PeerMapping.PROCESS);
                    if (foreign && !own.isEmpty()) {
                        DescriptorSockets.send(offers.get(other).descriptors(), rank, own, limit);
                    }
                    if (foreign
                            && offers.get(other).regions().stream()
                                    .anyMatch(each -> each.kind() == DeviceRegion.Kind.VIRTUAL)) {
                        senders++;
                    }
                }
                if (senders > 0 && sockets == null) {
                    throw new IOException("other ranks have virtual regions, and this one has none");
                }
                for (int i = 0; i < senders && sockets != null; i++) {
                    DescriptorSockets.Received received = sockets.receive(limit);
                    descriptors.put(received.sender(), received.descriptors());
                }
            } finally {
                own.forEach(DescriptorSockets::close);
            }
        }

        @Override
        public void close() throws IOException {
            if (sockets != null) {
                sockets.close();
            }
        }
    }
}
