// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Moves map outputs of quiet shuffles from memory to files, so that new outputs get the memory: first those that were read and are
 * not read any more, then those that nobody has read for longer. Shuffles that are written or read now stay, and so does every
 * output that a lease holds. Offsets within a part, index and checksums stay as they are; look-ups see the new places as soon as
 * all parts of an output are there.
 *
 * <p>Threading: safe from any thread; runs on the thread of the task that needs memory, and holds no lock while it copies. Each
 * call moves about as many bytes as were asked for.
 */
final class Eviction {
    /** Longer than from one task of a stage to the next. */
    private static final Duration QUIET_AFTER_READ = Duration.ofSeconds(5);

    /** For outputs that wait for their stage: their neighbours may still be written. */
    private static final Duration QUIET_UNREAD = Duration.ofSeconds(30);

    private static final int COPY_BYTES = 4 << 20;

    private final RegionPool memory;
    private final RegionPool files;
    private final LongSupplier nanoClock;
    private final Set<MapOutput> moving = ConcurrentHashMap.newKeySet();
    private final AtomicLong movedBytes = new AtomicLong();

    /** A shuffle as it was at one moment: what is sorted must not change meanwhile. */
    private record Seen(ShuffleOutputs outputs, long usedNanos, boolean wasRead) {
        static Seen of(ShuffleOutputs outputs) {
            return new Seen(outputs, outputs.usedNanos(), outputs.wasRead());
        }

        boolean isQuiet(long now) {
            return now - usedNanos >= (wasRead ? QUIET_AFTER_READ : QUIET_UNREAD).toNanos();
        }
    }

    Eviction(RegionPool memory, RegionPool files, LongSupplier nanoClock) {
        this.memory = memory;
        this.files = files;
        this.nanoClock = nanoClock;
    }

    /** Returns the bytes moved so far. */
    long movedBytes() {
        return movedBytes.get();
    }

    /** Moves outputs of at least {@code bytes}, as far as there are any, and returns how many bytes it moved. */
    long makeRoom(Collection<ShuffleOutputs> shuffles, long bytes) {
        long moved = 0;
        for (ShuffleOutputs outputs : quiet(shuffles)) {
            outputs.holdsMemory(output -> output.parts().stream().anyMatch(this::isInMemory));
            for (MapOutput output : outputs.all()) {
                if (moved >= bytes) {
                    return moved;
                }
                if (!Seen.of(outputs).isQuiet(nanoClock.getAsLong())) {
                    break;
                }
                OptionalLong bytesMoved = move(outputs, output);
                if (bytesMoved.isEmpty()) {
                    return moved;
                }
                moved += bytesMoved.getAsLong();
            }
        }
        return moved;
    }

    private List<ShuffleOutputs> quiet(Collection<ShuffleOutputs> shuffles) {
        long now = nanoClock.getAsLong();
        return shuffles.stream()
                .filter(ShuffleOutputs::mayHoldMemory)
                .map(Seen::of)
                .filter(seen -> seen.isQuiet(now))
                .sorted(Comparator.comparing((Seen seen) -> !seen.wasRead).thenComparing(seen -> seen.usedNanos - now))
                .map(Seen::outputs)
                .toList();
    }

    private boolean isInMemory(Part part) {
        return part.extent().isFrom(memory);
    }

    /** Moves an output that nobody reads; empty when the files cannot take it. */
    private OptionalLong move(ShuffleOutputs outputs, MapOutput output) {
        List<Part> inMemory = output.parts().stream().filter(this::isInMemory).toList();
        if (inMemory.isEmpty()
                || inMemory.stream().anyMatch(part -> part.extent().isShared())
                || !moving.add(output)) {
            return OptionalLong.of(0);
        }
        try {
            return output.tryRetain() ? moveRetained(outputs, output) : OptionalLong.of(0);
        } catch (IOException full) {
            return OptionalLong.empty();
        } finally {
            moving.remove(output);
        }
    }

    private OptionalLong moveRetained(ShuffleOutputs outputs, MapOutput output) throws IOException {
        List<Part> parts = new ArrayList<>();
        boolean replaced = false;
        try {
            long moved = 0;
            for (Part part : output.parts()) {
                Optional<Part> copy = isInMemory(part) ? copy(part) : Optional.of(part.retained());
                if (copy.isEmpty()) {
                    return OptionalLong.empty();
                }
                parts.add(copy.get());
                moved += isInMemory(part) ? part.extent().sizeBytes() : 0;
            }
            replaced = outputs.replace(output, new MapOutput(output.mapId(), parts));
            if (!replaced) {
                return OptionalLong.of(0);
            }
            output.free();
            movedBytes.addAndGet(moved);
            return OptionalLong.of(moved);
        } finally {
            if (!replaced) {
                parts.forEach(Part::free);
            }
            output.free();
        }
    }

    private Optional<Part> copy(Part part) throws IOException {
        long total = part.totalBytes();
        return files.tryStore(total, target -> copy(part.extent(), target, total))
                .map(file -> new Part(file, part.dataBytes(), part.entries()));
    }

    private static void copy(Extent from, Extent to, long bytes) throws IOException {
        for (long at = 0; at < bytes; at += COPY_BYTES) {
            ByteBuffer piece = from.slice(at, (int) Math.min(COPY_BYTES, bytes - at));
            to.write(at, piece);
        }
    }
}
