// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.gpu.driver.GpuException;
import io.sparkmooncake.gpu.link.StagedFrame.Entry;
import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.Regions;
import io.sparkmooncake.transfer.spi.Transport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The owner's side of staged memory: copies stretches of registered device regions to and from a window of the host, one window for each
 * process that asks, which reads and writes it over its carrier. The window that was used longest ago is given up for a new one, and
 * whoever had it is told so when it asks again.
 *
 * <p>Threading: safe from any thread; answered on control threads.
 */
final class StagedService implements ControlService, AutoCloseable {
    static final String NAME = "mooncake.staged";
    private static final int MAX_WINDOWS = 64;

    private final Map<Integer, Stage> stages;
    private final Collection<Transport> carriers;
    private final Path directory;
    private final Map<Long, DeviceMemory> regions = new ConcurrentHashMap<>();
    private final LongAdder refused = new LongAdder();

    @GuardedBy("this")
    private final Map<String, HostRegion> windows = new LinkedHashMap<>(16, 0.75f, true);

    @GuardedBy("this")
    private boolean closed;

    StagedService(Map<Integer, Stage> stages, Collection<Transport> carriers, Path directory) {
        this.stages = stages;
        this.carriers = carriers;
        this.directory = directory;
    }

    void register(MemoryRegion region) {
        if (region instanceof DeviceMemory memory
                && stages.containsKey(memory.location().index())) {
            regions.put(memory.id(), memory);
        }
    }

    /** Refuses the region from now on, and waits for who copies it. */
    void unregister(MemoryRegion region) {
        DeviceMemory memory = regions.remove(region.id());
        if (memory != null) {
            Stage stage = stages.get(memory.location().index());
            if (stage != null) {
                synchronized (stage) {
                    regions.remove(region.id());
                }
            }
        }
    }

    long refusals() {
        return refused.sum();
    }

    @Override
    public ByteBuffer answer(Caller from, ByteBuffer request) throws TransferException {
        if (!request.hasRemaining()) {
            throw new TransferException(Code.PROTOCOL, "an empty staged request");
        }
        byte op = request.get();
        List<Entry> entries = StagedFrame.decode(request);
        String caller = from.name() + " " + from.epoch();
        HostRegion window = switch (op) {
            case StagedFrame.OPEN -> open(caller);
            case StagedFrame.FETCH, StagedFrame.STORE -> known(caller);
            default -> throw new TransferException(Code.PROTOCOL, "staged operation=" + op + " is not known here");
        };
        if (window == null) {
            return StagedFrame.moved(StagedFrame.NO_WINDOW);
        }
        try {
            return op == StagedFrame.OPEN
                    ? StagedFrame.encode(window.descriptor())
                    : StagedFrame.moved(move(op, entries, window));
        } finally {
            window.release();
        }
    }

    private int move(byte op, List<Entry> entries, HostRegion window) throws TransferException {
        long total = entries.stream().mapToLong(Entry::length).sum();
        if (total > window.sizeBytes()) {
            throw new TransferException(Code.PROTOCOL, "staged bytes exceed the window of " + window.sizeBytes());
        }
        List<DeviceMemory> held = new ArrayList<>();
        try {
            for (Entry each : entries) {
                held.add(hold(each));
            }
            move(op, entries, held, window);
        } catch (GpuException e) {
            throw new TransferException(Code.UNREACHABLE, "staging failed at the owner: " + e.getMessage(), e);
        } catch (TransferException e) {
            // Who asks for several asks again for each alone.
            refused.add(e.code() == Code.REFUSED && entries.size() == 1 ? 1 : 0);
            throw e;
        } finally {
            held.forEach(DeviceMemory::release);
        }
        return entries.size();
    }

    /** Returns a region, counted once for the caller. */
    private DeviceMemory hold(Entry entry) throws TransferException {
        DeviceMemory memory = regions.get(entry.id());
        String refusal = "";
        if (memory == null) {
            refusal = "it is not registered";
        } else if (memory.descriptor().key() != entry.key()) {
            refusal = "its key is another one";
        } else if (entry.length() < 0 || entry.offset() < 0 || entry.offset() > memory.sizeBytes() - entry.length()) {
            refusal = "out of bounds, limit=" + memory.sizeBytes();
        }
        if (memory != null && refusal.isEmpty() && !memory.tryRetain()) {
            refusal = "it was freed";
        }
        if (memory == null || !refusal.isEmpty()) {
            throw new TransferException(
                    Code.REFUSED,
                    "staged device region id=" + entry.id() + " offset=" + entry.offset() + " length=" + entry.length()
                            + " refused: " + refusal);
        }
        return memory;
    }

    /** Copies stretches, those of one device after the other together. */
    private void move(byte op, List<Entry> entries, List<DeviceMemory> memories, HostRegion window)
            throws TransferException {
        long at = 0;
        int next = 0;
        while (next < entries.size()) {
            Stage stage = stages.get(memories.get(next).location().index());
            List<Stage.Span> spans = new ArrayList<>();
            for (int first = next;
                    next < entries.size()
                            && memories.get(next)
                                    .location()
                                    .equals(memories.get(first).location());
                    next++) {
                Entry entry = entries.get(next);
                spans.add(new Stage.Span(memories.get(next).address() + entry.offset(), at, entry.length()));
                at += entry.length();
            }
            if (stage == null) {
                throw new TransferException(Code.UNREACHABLE, "staging has no device of that memory");
            }
            synchronized (stage) {
                // Whoever unregisters a region waits for this lock, and then nothing more is copied from it.
                for (DeviceMemory each : memories) {
                    if (!regions.containsKey(each.id())) {
                        throw new TransferException(
                                Code.REFUSED, "staged device region id=" + each.id() + " was unregistered");
                    }
                }
                if (op == StagedFrame.FETCH) {
                    stage.download(spans, window);
                } else {
                    stage.upload(spans, window);
                }
            }
        }
    }

    /** Returns a caller's window, counted once for who asks; null where it was given up. */
    private synchronized @Nullable HostRegion known(String caller) {
        HostRegion window = windows.get(caller);
        if (window != null) {
            window.retain();
        }
        return window;
    }

    /** Returns a caller's window, made where there is none, counted once for who asks. */
    private synchronized HostRegion open(String caller) throws TransferException {
        if (closed) {
            throw new TransferException(Code.CLOSED, "staging ended here");
        }
        HostRegion window = known(caller);
        if (window != null) {
            return window;
        }
        if (windows.size() == MAX_WINDOWS) {
            Iterator<HostRegion> oldest = windows.values().iterator();
            HostRegion dropped = oldest.next();
            oldest.remove();
            drop(dropped);
        }
        try {
            window = Regions.createReserved(directory, Stage.BYTES, Location.ANY);
        } catch (IOException e) {
            throw new TransferException(Code.REFUSED, "no host memory in " + directory + " to stage through: " + e, e);
        }
        for (Transport carrier : carriers) {
            carrier.register(window);
        }
        windows.put(caller, window);
        window.retain();
        return window;
    }

    /** Who copies through it counts it until that is done. */
    private void drop(HostRegion window) {
        carriers.forEach(carrier -> carrier.unregister(window));
        window.release();
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            windows.values().forEach(this::drop);
            windows.clear();
        }
    }
}
