// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.spi.Transport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * Memory that processes of one host share. Each end publishes a small probe region; a peer is reached when its probe can be
 * mapped and says what the descriptor says, so containers with different process or user name spaces find out at once.
 *
 * <p>The owner's part is passive: {@link #unregister} marks the region's header, which fails every later map and transfer, and
 * a READ that was under way. Mappings that exist stay valid and a WRITE under way may still land, so an owner reuses or frees
 * memory only when the leases on it ended.
 *
 * <p>Threading: safe from any thread; starts none. {@link #link} maps one page and answers at once.
 */
public final class ShmTransport implements Transport {
    private static final int PROBE_BYTES = 4096;

    private final HostRegion probe;
    private final Map<String, String> attributes;
    private final long idleNanos;
    private final Set<ShmLink> links = ConcurrentHashMap.newKeySet();
    private final LongAdder refusedRequests = new LongAdder();
    private final AtomicLong trimmedNanos = new AtomicLong(System.nanoTime());
    private volatile boolean closed;

    private ShmTransport(HostRegion probe, long idleNanos) {
        this.probe = probe;
        this.idleNanos = idleNanos;
        this.attributes = probe.descriptor().path().isEmpty()
                ? Map.of()
                : Map.of(ProbeAttribute.KEY, ProbeAttribute.encode(probe.descriptor()));
    }

    /** Creates the probe; fails if the directory takes no file or has no room. */
    public static ShmTransport start(TransferSettings.Memory settings) throws IOException {
        HostRegion probe = Regions.createReserved(Path.of(settings.dir()), PROBE_BYTES, Location.ANY);
        return new ShmTransport(probe, settings.idle().toNanos());
    }

    @Override
    public String name() {
        return "shm";
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
        Regions.revoke(region);
    }

    @Override
    public CompletableFuture<Reachability> link(PeerRecord peer) {
        return CompletableFuture.completedFuture(probe(peer));
    }

    private Reachability probe(PeerRecord peer) {
        RegionDescriptor described;
        try {
            described = ProbeAttribute.read(peer);
        } catch (IOException e) {
            return new Reachability.Refused("shm to peer " + peer.describe() + ": " + e.getMessage());
        }
        try {
            Regions.importFrom(described).release();
        } catch (IOException e) {
            return new Reachability.Refused("shm to peer " + peer.describe() + ": cannot map " + described.path() + ": "
                    + e + "; usual causes: it runs on another host, in another PID namespace (container),"
                    + " as another user, or it ended");
        }
        ShmLink link = new ShmLink(this, peer);
        links.add(link);
        if (closed) {
            link.close();
            return new Reachability.Refused("shm to peer " + peer.describe() + ": this transport is closed");
        }
        return new Reachability.Reached(link);
    }

    /**
     * Drops mappings that nobody asked for since {@code settings.idle()} and those that their owner unregistered, so that their
     * memory goes back to the host. Happens by itself before a region is mapped; whoever has a clock calls it too, for a process
     * that maps nothing any more.
     */
    public void trim(long nowNanos) {
        trimmedNanos.set(nowNanos);
        links.forEach(link -> link.trim(nowNanos, idleNanos));
    }

    /** Trims before a region is mapped, at most four times in the idle time or once a second. */
    void trimWhereDue() {
        long now = System.nanoTime();
        if (now - trimmedNanos.get() >= Math.min(idleNanos / 4, TimeUnit.SECONDS.toNanos(1))) {
            trim(now);
        }
    }

    @Override
    public long refusedRequests() {
        return refusedRequests.sum();
    }

    /** Returns how many regions of peers are mapped. */
    public int mappings() {
        return links.stream().mapToInt(ShmLink::mappings).sum();
    }

    void countRefusal() {
        refusedRequests.increment();
    }

    void forget(ShmLink link) {
        links.remove(link);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            links.forEach(ShmLink::close);
            unregister(probe);
            probe.release();
        }
    }
}
