// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine.testing;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.spi.Transport;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A transport between processes of one JVM, with faults to order. Transfers are carried out on the submitter's thread. */
public final class FakeTransport implements Transport {
    private final String name;
    private final String process;
    private final Map<String, FakeTransport> network;
    private final Map<Long, HostRegion> regions = new ConcurrentHashMap<>();
    private final AtomicInteger openLinks = new AtomicInteger();
    private final List<FakeLink> links = new CopyOnWriteArrayList<>();
    private volatile Fault fault = Fault.NONE;
    private volatile boolean noticesEnd;

    /** What goes wrong with links that this transport opens, or with its regions. */
    public enum Fault {
        NONE,
        /** Throws where a region is unregistered. */
        KEEPS_REGIONS,
        /** Says no. */
        REFUSES,
        /** Is reset whenever it is opened. */
        BREAKS,
        /** Never says anything. */
        SILENT,
        /** Fails the verdict with an exception, against its contract. */
        THROWS,
        /** Reports every transfer as failed. */
        FAILS_TRANSFERS,
        /** Never reports a transfer. */
        STALLS_TRANSFERS,
        /** Reports writes as done and does not carry them out. */
        LOSES_WRITES,
        /** Reads and writes memory of its own that looks like the peer's, as pods with separate /dev/shm do. */
        OTHER_MEMORY,
        /** Copies the peer's memory when it opens and works on the copy. */
        STALE_COPY,
        /** Moves device memory only. */
        DEVICE_ONLY,
        /** Links reach device memory only, and the transport has proved them. */
        PROVES_ITSELF
    }

    public FakeTransport(String name, String process, Map<String, FakeTransport> network) {
        this.name = name;
        this.process = process;
        this.network = network;
        network.put(process, this);
    }

    /** Orders a fault for links opened, and regions unregistered, from now on. */
    public void fault(Fault newFault) {
        fault = newFault;
    }

    /** Links that this transport opens break when their peer ends: the test breaks them. */
    public void noticeEnds() {
        noticesEnd = true;
    }

    /** Breaks every link that this transport opened. */
    public void breakLinks(String reason) {
        links.forEach(link -> link.end(reason));
    }

    /** Returns how many links are open. */
    public int openLinks() {
        return openLinks.get();
    }

    /** Returns how many regions are registered. */
    public int regions() {
        return regions.size();
    }

    @Override
    public long refusedRequests() {
        return 0;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Map<String, String> attributes() {
        return Map.of();
    }

    @Override
    public void register(MemoryRegion region) {
        if (region instanceof HostRegion host) {
            regions.put(region.id(), host);
        }
    }

    @Override
    public void unregister(MemoryRegion region) {
        if (fault == Fault.KEEPS_REGIONS) {
            throw new IllegalStateException("the device stands still");
        }
        regions.remove(region.id());
    }

    @Override
    public CompletableFuture<Reachability> link(PeerRecord peer) {
        FakeTransport target = network.get(peer.name() + "#" + peer.epoch());
        return switch (fault) {
            case SILENT -> new CompletableFuture<>();
            case REFUSES -> CompletableFuture.completedFuture(new Reachability.Refused("other boot id"));
            case BREAKS -> CompletableFuture.completedFuture(new Reachability.Broken("Connection reset by peer"));
            case THROWS -> CompletableFuture.failedFuture(new IllegalStateException("a defect"));
            default ->
                CompletableFuture.completedFuture(
                        target == null
                                ? new Reachability.Refused("no such process")
                                : new Reachability.Reached(new FakeLink(target, fault)));
        };
    }

    @Override
    public void close() {
        network.remove(process, this);
    }

    private final class FakeLink implements Link {
        private final FakeTransport target;
        private final Fault fault;
        private final Map<Long, HostRegion> copies = new ConcurrentHashMap<>();
        private final CompletableFuture<String> lost = new CompletableFuture<>();

        FakeLink(FakeTransport target, Fault fault) {
            this.target = target;
            this.fault = fault;
            openLinks.incrementAndGet();
            links.add(this);
        }

        @Override
        public boolean reaches(Location local, RegionDescriptor remote) {
            boolean devices = fault == Fault.DEVICE_ONLY || fault == Fault.PROVES_ITSELF;
            Location.Kind kind = devices ? Location.Kind.CUDA : Location.Kind.HOST;
            return local.kind() == kind && remote.location().kind() == kind;
        }

        @Override
        public Optional<String> proof() {
            return fault == Fault.PROVES_ITSELF ? Optional.of("a word of the device was read back") : Optional.empty();
        }

        @Override
        public void submit(TransferBatch batch) {
            for (int i = 0; i < batch.count(); i++) {
                HostRegion remote = memory(batch.remote(i));
                if (lost.isDone() || fault == Fault.FAILS_TRANSFERS || remote == null) {
                    batch.fail(i, 0, new TransferException(Code.UNREACHABLE, "Requested address not found"));
                } else if (fault != Fault.STALLS_TRANSFERS) {
                    move(batch, i, remote);
                    batch.complete(i);
                }
            }
        }

        private @Nullable HostRegion memory(RegionDescriptor descriptor) {
            HostRegion region = target.regions.get(descriptor.id());
            if (region == null || (fault != Fault.OTHER_MEMORY && fault != Fault.STALE_COPY)) {
                return region;
            }
            return copies.computeIfAbsent(descriptor.id(), id -> {
                HeapRegion copy = new HeapRegion(id, descriptor.sizeBytes(), descriptor.location());
                if (fault == Fault.STALE_COPY) {
                    copy.slice(0, (int) descriptor.sizeBytes()).put(region.slice(0, (int) descriptor.sizeBytes()));
                }
                return copy;
            });
        }

        private void move(TransferBatch batch, int index, HostRegion remote) {
            int length = (int) batch.length(index);
            ByteBuffer there = remote.slice(batch.remoteOffset(index), length);
            ByteBuffer here = ((HostRegion) batch.local(index)).slice(batch.localOffset(index), length);
            if (batch.opcode() == Opcode.READ) {
                here.put(there);
            } else if (fault != Fault.LOSES_WRITES) {
                there.put(here);
            }
        }

        @Override
        public Optional<HostRegion> map(RegionDescriptor descriptor) {
            HostRegion region = target.regions.get(descriptor.id());
            if (region == null) {
                return Optional.empty();
            }
            region.retain();
            return Optional.of(region);
        }

        @Override
        public CompletableFuture<String> lost() {
            return lost;
        }

        @Override
        public boolean noticesEnd() {
            return noticesEnd;
        }

        private void end(String reason) {
            if (lost.complete(reason)) {
                openLinks.decrementAndGet();
                links.remove(this);
            }
        }

        @Override
        public void close() {
            end("closed");
        }
    }
}
