// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.Device;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.ControlChannel;
import io.sparkmooncake.transfer.spi.ControlPlane;
import io.sparkmooncake.transfer.spi.Link;
import io.sparkmooncake.transfer.spi.Reachability;
import io.sparkmooncake.transfer.spi.Transport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * What is left where no device maps the memory: it is copied through pinned memory of both hosts and over the first carrier that
 * connects them, shm or tcp. The owner's control threads take part.
 *
 * <p>Threading: safe from any thread; one thread moves the batches of this process, one after the other.
 */
final class StagedTransport implements Transport {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final List<String> CARRIERS = List.of("shm", "tcp");
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final String NAME = "staged";

    private final ControlPlane control;
    private final Map<String, Transport> carriers;
    private final Map<Integer, Stage> stages;
    private final StagedService service;
    private final DeviceMemory probe;
    private final HostRegion staging;
    private final Map<String, String> attributes;
    private final Set<StagedLink> links = ConcurrentHashMap.newKeySet();
    private final ExecutorService executor;
    private volatile boolean closed;

    private StagedTransport(
            ControlPlane control,
            Map<String, Transport> carriers,
            Path directory,
            Map<Integer, Stage> stages,
            DeviceMemory probe,
            ProcessMark mark) {
        this.control = control;
        this.carriers = carriers;
        this.stages = stages;
        this.probe = probe;
        this.service = new StagedService(stages, carriers.values(), directory);
        byte[] word = new byte[ProbeLayout.WORD_BYTES];
        RANDOM.nextBytes(word);
        ByteBuffer bytes = ByteBuffer.allocateDirect(ProbeLayout.WORD_BYTES);
        probe.device().write(probe.address(), bytes.put(word).flip());
        this.attributes = Map.of(
                ProbeLayout.key(NAME),
                ProbeLayout.of(mark, probe.descriptor(), word).encode());
        this.staging = Regions.allocate(Stage.BYTES);
        this.executor = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "mooncake-staged");
            thread.setDaemon(true);
            return thread;
        });
        service.register(probe);
        control.serve(StagedService.NAME, service);
    }

    /** Starts the transport; offers its service. */
    static StagedTransport start(
            ControlPlane control, Map<String, Transport> carriers, Path directory, List<Device> devices)
            throws IOException {
        ProcessMark mark = ProcessMark.ofThisProcess();
        try (Taken taken = new Taken()) {
            Map<Integer, Stage> stages = new TreeMap<>();
            for (Device device : devices) {
                stages.put(device.identity().ordinal(), taken.add(new Stage(device), Stage::close));
            }
            DeviceMemory probe = taken.add(
                    DeviceMemory.allocate(Domain.NVLINK.creation(), devices.get(0), ProbeLayout.SIZE_BYTES),
                    DeviceMemory::release);
            StagedTransport transport = new StagedTransport(control, carriers, directory, stages, probe, mark);
            taken.keep();
            return transport;
        }
    }

    boolean hasDevice(int ordinal) {
        return stages.containsKey(ordinal);
    }

    Stage stage(int ordinal) {
        Stage stage = stages.get(ordinal);
        if (stage == null) {
            throw new IllegalArgumentException("staged has no device cuda:" + ordinal);
        }
        return stage;
    }

    HostRegion staging() {
        return staging;
    }

    ExecutorService executor() {
        return executor;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Map<String, String> attributes() {
        return attributes;
    }

    @Override
    public void register(MemoryRegion region) {
        service.register(region);
    }

    @Override
    public void unregister(MemoryRegion region) {
        service.unregister(region);
    }

    @Override
    public CompletableFuture<Reachability> link(PeerRecord peer) {
        return Proving.start(name(), () -> connect(peer), e -> refused(peer, String.valueOf(e.getMessage())));
    }

    private static Reachability refused(PeerRecord peer, String reason) {
        return new Reachability.Refused(NAME + " to peer " + peer.describe() + ": " + reason);
    }

    private Reachability connect(PeerRecord peer) throws IOException {
        ProbeLayout theirs = ProbeLayout.read(NAME, peer);
        StringBuilder reasons = new StringBuilder();
        for (String name : CARRIERS) {
            Transport carrier = carriers.get(name);
            if (carrier == null) {
                continue;
            }
            Reachability verdict = StagedLink.await(carrier.link(peer), PATIENCE, peer.describe());
            Link reached = verdict.fold(link -> link, reason -> {
                reasons.append(name).append(": ").append(reason).append("; ");
                return null;
            });
            if (reached != null) {
                return over(peer, name, reached, theirs);
            }
        }
        return refused(peer, "no carrier reaches it: " + (reasons.length() == 0 ? "none is configured" : reasons));
    }

    private Reachability over(PeerRecord peer, String name, Link carrier, ProbeLayout theirs) throws IOException {
        ControlChannel channel = null;
        boolean reached = false;
        try {
            channel = StagedLink.await(control.control(peer), PATIENCE, peer.describe());
            ByteBuffer open = StagedFrame.encode(StagedFrame.OPEN, List.of());
            RegionDescriptor window = StagedFrame.window(
                    StagedLink.await(channel.ask(StagedService.NAME, open, PATIENCE), PATIENCE, peer.describe()));
            StagedLink link = new StagedLink(this, peer, channel, carrier, name, window);
            links.add(link);
            if (closed || !prove(link, theirs)) {
                link.close();
                return refused(peer, closed ? "this transport is closed" : "read back another word than was written");
            }
            link.proved("over " + name + ": a word of the peer's device memory was read, and another written there"
                    + " and read back");
            reached = true;
            return new Reachability.Reached(link);
        } finally {
            if (!reached) {
                carrier.close();
                if (channel != null) {
                    channel.close();
                }
            }
        }
    }

    private boolean prove(StagedLink link, ProbeLayout theirs) throws TransferException {
        HostRegion scratch = Regions.allocate(ProbeLayout.WORD_BYTES);
        try {
            byte[] own = new byte[ProbeLayout.WORD_BYTES];
            RANDOM.nextBytes(own);
            move(link, Opcode.READ, scratch, theirs.probe(), 0);
            if (!Arrays.equals(word(scratch), theirs.wordBytes())) {
                return false;
            }
            scratch.slice(0, own.length).put(own);
            move(link, Opcode.WRITE, scratch, theirs.probe(), ProbeLayout.slot(own));
            scratch.slice(0, own.length).put(theirs.wordBytes());
            move(link, Opcode.READ, scratch, theirs.probe(), ProbeLayout.slot(own));
            return Arrays.equals(word(scratch), own);
        } finally {
            scratch.release();
        }
    }

    private static byte[] word(HostRegion scratch) {
        byte[] word = new byte[ProbeLayout.WORD_BYTES];
        scratch.slice(0, word.length).get(word);
        return word;
    }

    private static void move(StagedLink link, Opcode opcode, HostRegion scratch, RegionDescriptor probe, long offset)
            throws TransferException {
        TransferBatch batch = new TransferBatch(opcode, PATIENCE);
        batch.add(scratch, 0, probe, offset, ProbeLayout.WORD_BYTES);
        batch.begin();
        link.submit(batch);
        StagedLink.await(batch.completion(), PATIENCE, "the probe");
        if (batch.firstFailure().isPresent()) {
            throw batch.firstFailure().get();
        }
    }

    void forget(StagedLink link) {
        links.remove(link);
    }

    @Override
    public long refusedRequests() {
        return service.refusals();
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        links.forEach(StagedLink::close);
        executor.shutdown();
        try {
            if (!executor.awaitTermination(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                executor.shutdownNow();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        service.close();
        stages.values().forEach(Stage::close);
        probe.release();
        staging.release();
    }
}
