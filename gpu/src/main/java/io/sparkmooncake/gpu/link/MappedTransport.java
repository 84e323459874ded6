// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.driver.ProcessDescriptors;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.spi.Transport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * Device memory of processes that this process's devices map. Each end publishes a probe; a peer is reached when its probe was mapped,
 * said what the peer published, and took a word that was read back.
 *
 * <p>The owner's part is passive: {@link #unregister} overwrites the region's tag, which fails every later transfer, and a READ that is
 * under way. A WRITE under way may still land, so an owner reuses memory only when the leases on it ended.
 *
 * <p>Threading: safe from any thread; a thread for each device, and one for each peer while its probe is tried.
 */
final class MappedTransport implements Transport {
    private static final SecureRandom RANDOM = new SecureRandom();

    private final Domain domain;
    private final ProcessMark mark;
    private final Map<Integer, DeviceLane> lanes = new TreeMap<>();
    private final DeviceMemory probe;
    private final Map<String, String> attributes;
    private final Set<MappedLink> links = ConcurrentHashMap.newKeySet();
    private final LongAdder refusedRequests = new LongAdder();
    private volatile boolean closed;

    private MappedTransport(Domain domain, ProcessMark mark, List<Device> devices, DeviceMemory probe) {
        this.domain = domain;
        this.mark = mark;
        this.probe = probe;
        byte[] word = new byte[ProbeLayout.WORD_BYTES];
        RANDOM.nextBytes(word);
        ByteBuffer bytes = ByteBuffer.allocateDirect(ProbeLayout.WORD_BYTES);
        probe.device().write(probe.address(), bytes.put(word).flip());
        this.attributes = Map.of(
                ProbeLayout.key(domain.name()),
                ProbeLayout.of(mark, probe.descriptor(), word).encode());
        boolean made = false;
        try {
            for (Device device : devices) {
                lanes.put(device.identity().ordinal(), new DeviceLane(domain.name(), device, this::trim));
            }
            made = true;
        } finally {
            if (!made) {
                lanes.values().forEach(DeviceLane::close);
            }
        }
    }

    /**
     * Starts the transport on devices of this process.
     *
     * @throws GpuException when this domain's memory cannot be made here, with the driver's words
     */
    static MappedTransport start(Domain domain, List<Device> devices) throws IOException {
        ProcessMark mark = ProcessMark.ofThisProcess();
        DeviceMemory probe = DeviceMemory.allocate(domain.creation(), devices.get(0), ProbeLayout.SIZE_BYTES);
        boolean made = false;
        try {
            MappedTransport transport = new MappedTransport(domain, mark, devices, probe);
            made = true;
            return transport;
        } finally {
            if (!made) {
                probe.release();
            }
        }
    }

    Domain domain() {
        return domain;
    }

    Map<Integer, DeviceLane> lanes() {
        return lanes;
    }

    @Override
    public String name() {
        return domain.name();
    }

    @Override
    public Map<String, String> attributes() {
        return attributes;
    }

    /** Nothing to do: a shareable region can be mapped from its creation until it is unregistered, which is final. */
    @Override
    public void register(MemoryRegion region) {}

    @Override
    public void unregister(MemoryRegion region) {
        if (region instanceof DeviceMemory memory) {
            memory.revoke();
        } else {
            Regions.revoke(region);
        }
    }

    @Override
    public CompletableFuture<Reachability> link(PeerRecord peer) {
        return Proving.start(name(), () -> prove(peer), e -> refused(peer, e.toString()));
    }

    private Reachability refused(PeerRecord peer, String reason) {
        return new Reachability.Refused(name() + " to peer " + peer.describe() + ": " + reason);
    }

    private Reachability prove(PeerRecord peer) {
        ProbeLayout theirs;
        try {
            theirs = ProbeLayout.read(name(), peer);
        } catch (IOException e) {
            return refused(peer, String.valueOf(e.getMessage()));
        }
        String absence = domain.reach() == Domain.Reach.HOST ? theirs.mark().absence() : "";
        if (!absence.isEmpty()) {
            return refused(peer, absence);
        }
        MappedLink link = new MappedLink(this, peer, theirs.mark());
        links.add(link);
        String refusal;
        try {
            refusal = closed ? "this transport is closed" : probe(link, theirs);
        } catch (GpuException | IOException e) {
            refusal = "its device memory cannot be used: " + e.getMessage();
        }
        if (!refusal.isEmpty()) {
            link.end(Code.UNREACHABLE, refusal);
            return refused(peer, refusal);
        }
        return new Reachability.Reached(link);
    }

    /** Reads the peer's word on every device, writes one of this process's own and reads it back; returns what was wrong. */
    private String probe(MappedLink link, ProbeLayout theirs) throws IOException {
        byte[] own = new byte[ProbeLayout.WORD_BYTES];
        RANDOM.nextBytes(own);
        for (DeviceLane lane : lanes.values()) {
            synchronized (lane) {
                // Links end before lanes are freed, so a link that has not ended here has its lane until the lock is
                // given back.
                TransferException end = link.end();
                if (end != null) {
                    return String.valueOf(end.getMessage());
                }
                PeerRegion region =
                        link.regions(lane.device().identity().ordinal()).acquire(theirs.probe());
                try {
                    byte[] seen = bytes(lane.read(region.address(), ProbeLayout.WORD_BYTES));
                    if (!java.util.Arrays.equals(seen, theirs.wordBytes())) {
                        return "read another word than the peer keeps: it reaches other memory than the peer's";
                    }
                    long slot = region.address() + ProbeLayout.slot(own);
                    lane.read(region.address(), ProbeLayout.WORD_BYTES).put(0, own);
                    lane.write(slot, ProbeLayout.WORD_BYTES);
                    lane.read(region.address(), ProbeLayout.WORD_BYTES);
                    if (!java.util.Arrays.equals(bytes(lane.read(slot, ProbeLayout.WORD_BYTES)), own)) {
                        return "read back another word than was written";
                    }
                } finally {
                    region.release();
                }
            }
        }
        String withoutVirtual = domain.reach() == Domain.Reach.HOST
                ? ProcessDescriptors.refusal(theirs.mark().pid())
                : "";
        link.proved(
                "a word of the peer's device memory was read on devices=" + lanes.keySet()
                        + ", and another written there and read back",
                withoutVirtual);
        return "";
    }

    private static byte[] bytes(ByteBuffer from) {
        byte[] bytes = new byte[ProbeLayout.WORD_BYTES];
        from.get(0, bytes);
        return bytes;
    }

    private void trim() {
        links.forEach(MappedLink::trim);
    }

    @Override
    public long refusedRequests() {
        return refusedRequests.sum();
    }

    /** Returns how many regions of peers are mapped, on all devices. */
    int mappings() {
        return links.stream().mapToInt(MappedLink::mappings).sum();
    }

    void countRefusal() {
        refusedRequests.increment();
    }

    void forget(MappedLink link) {
        links.remove(link);
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        links.forEach(MappedLink::close);
        lanes.values().forEach(DeviceLane::close);
        // Freeing it would wait for a device that does nothing any more; it is given back with the process.
        DeviceLane lane = lanes.get(probe.location().index());
        if (lane == null || lane.lost() == null) {
            probe.release();
        }
    }

    @Override
    public String toString() {
        return name() + " of pid=" + mark.pid() + " on devices=" + lanes.keySet();
    }
}
