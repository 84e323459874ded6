// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.memory.DeviceRegion;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.Link;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** The mapped memory of one peer. What is mapped stays when the peer dies; on one host its death is seen, and ends the link. */
final class MappedLink implements Link {
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final MappedTransport transport;
    private final PeerRecord peer;
    private final ProcessMark mark;
    private final Map<Integer, PeerRegions> regions = new TreeMap<>();
    private final AtomicLong lookedNanos = new AtomicLong(System.nanoTime());
    private final CompletableFuture<String> lost = new CompletableFuture<>();
    private volatile @Nullable TransferException ended;
    private volatile String proof = "";
    private volatile String virtualRefusal = "";

    MappedLink(MappedTransport transport, PeerRecord peer, ProcessMark mark) {
        this.transport = transport;
        this.peer = peer;
        this.mark = mark;
        transport.lanes().forEach((ordinal, lane) -> regions.put(ordinal, new PeerRegions(lane)));
    }

    @Override
    public boolean reaches(Location local, RegionDescriptor remote) {
        boolean deviceHere = local.kind() == Location.Kind.CUDA;
        if (deviceHere && !regions.containsKey(local.index())) {
            return false;
        }
        if (remote.location().kind() == Location.Kind.HOST) {
            return deviceHere
                    && transport.domain().reach() == Domain.Reach.HOST
                    && !remote.path().isEmpty();
        }
        boolean virtual = remote.path().startsWith(RegionPath.prefix(DeviceRegion.Kind.VIRTUAL));
        return transport.domain().maps(remote.path()) && (!virtual || virtualRefusal.isEmpty());
    }

    @Override
    public void submit(TransferBatch batch) {
        PeerRegions chosen = null;
        for (int i = 0; i < batch.count() && chosen == null; i++) {
            if (batch.local(i) instanceof DeviceMemory memory) {
                chosen = regions.get(memory.location().index());
            }
        }
        if (chosen == null) {
            chosen = regions.values().iterator().next();
        }
        chosen.lane().submit(new BatchRun(this, chosen, batch));
    }

    @Override
    public Optional<String> proof() {
        return Optional.of(proof);
    }

    /**
     * Notes what was proved of the peer's memory.
     *
     * @param withoutVirtual why its VIRTUAL memory cannot be mapped all the same; empty where it can
     */
    void proved(String how, String withoutVirtual) {
        virtualRefusal = withoutVirtual;
        proof = withoutVirtual.isEmpty() ? how : how + "; its VIRTUAL memory is not mapped: " + withoutVirtual;
    }

    @Override
    public Optional<HostRegion> map(RegionDescriptor region) {
        return Optional.empty();
    }

    @Override
    public CompletableFuture<String> lost() {
        return lost;
    }

    String name() {
        return transport.name();
    }

    PeerRecord peer() {
        return peer;
    }

    PeerRegions regions(int ordinal) {
        PeerRegions found = regions.get(ordinal);
        if (found == null) {
            throw new IllegalArgumentException(name() + " has no device cuda:" + ordinal);
        }
        return found;
    }

    /** Returns why nothing more is to be queued; null where something is. Looks at the peer's life now and then. */
    @Nullable
    TransferException end() {
        long now = System.nanoTime();
        long before = lookedNanos.get();
        if (ended == null
                && transport.domain().reach() == Domain.Reach.HOST
                && now - before >= LOOK_NANOS
                && lookedNanos.compareAndSet(before, now)
                && !mark.lives()) {
            end(Code.PEER_LOST, "peer " + peer.describe() + " ended: pid=" + mark.pid() + " is not there any more");
        }
        return ended;
    }

    /** Ends the link; later calls change nothing. */
    void end(Code code, String reason) {
        synchronized (lost) {
            if (ended != null) {
                return;
            }
            ended = new TransferException(code, transport.name() + " link: " + reason);
        }
        transport.forget(this);
        for (PeerRegions each : regions.values()) {
            each.lane().later(each::clear);
        }
        var unused = lost.completeAsync(() -> reason);
    }

    /** Counts a refusal of one request; once the link has ended, that is the reason of every failure. */
    TransferException refused(String message, @Nullable Exception cause) {
        TransferException end = ended;
        if (end != null) {
            return end;
        }
        transport.countRefusal();
        return new TransferException(Code.REFUSED, message, cause);
    }

    /** Returns a region with its peer, as errors name it. */
    String describe(RegionDescriptor region) {
        return "region id=" + region.id() + " size=" + region.sizeBytes() + " at " + region.location() + " of peer "
                + peer.describe();
    }

    /** Gives up what the peer unregistered; ends where a device does nothing any more, as a batch would. */
    void trim() {
        for (PeerRegions each : regions.values()) {
            DeviceLane lane = each.lane();
            synchronized (lane) {
                if (ended == null && lane.lost() == null) {
                    trim(each);
                }
            }
            String reason = lane.lost();
            if (reason != null) {
                end(Code.UNREACHABLE, lane.device() + " does nothing any more: " + reason);
            }
        }
    }

    /** Any device's thread looks at all of them: what one fails with is that one's. */
    private static void trim(PeerRegions regions) {
        try {
            regions.trim();
        } catch (GpuException e) {
            if (e.code() == GpuException.Code.DEVICE_LOST) {
                regions.lane().lose(e.getMessage());
            }
        }
    }

    int mappings() {
        int count = 0;
        for (PeerRegions each : regions.values()) {
            synchronized (each.lane()) {
                count += each.size();
            }
        }
        return count;
    }

    @Override
    public void close() {
        end(Code.CLOSED, "the link to peer " + peer.describe() + " was closed by this process");
    }
}
