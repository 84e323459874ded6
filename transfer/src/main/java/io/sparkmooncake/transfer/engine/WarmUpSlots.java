// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The engine's control memory: slots that peers write to prove a path, and scratch slots for proving one to them. Host memory
 * at location {@code *}, whatever the memory is that the process computes with; grows by a region when every slot is taken.
 *
 * <pre>
 *  slot, 64 bytes, little-endian          scratch: the same with three words
 *  0             8             16         0 read    16 written   32 read back   48
 *  +-------------+-------------+----      +----------+------------+--------------+----
 *  | epoch       | sequence    | -        | word     | word       | word         | -
 *  +-------------+-------------+----      +----------+------------+--------------+----
 * </pre>
 *
 * <p>Threading: safe from any thread. Slots are reused in the order of their release, so that a late write of an earlier
 * holder finds its slot unused for as long as possible; if it does not, the words differ and the path is refused.
 */
final class WarmUpSlots implements AutoCloseable {
    static final int SLOT_BYTES = 64;
    static final int WORD_BYTES = 16;
    static final int SLOTS_PER_REGION = 1_024;

    private static final VarHandle LONGS = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final RegionSource source;
    private final Consumer<HostRegion> register;

    @GuardedBy("this")
    private final List<HostRegion> regions = new ArrayList<>();

    @GuardedBy("this")
    private final ArrayDeque<Slot> free = new ArrayDeque<>();

    /**
     * Creates no memory yet.
     *
     * @param source of regions
     * @param register makes a new region reachable for peers
     */
    WarmUpSlots(RegionSource source, Consumer<HostRegion> register) {
        this.source = source;
        this.register = register;
    }

    synchronized Slot acquire() throws TransferException {
        if (free.isEmpty()) {
            grow();
        }
        return free.removeFirst();
    }

    synchronized void release(Slot slot) {
        free.addLast(slot);
    }

    /** Returns every region made so far. */
    synchronized List<HostRegion> regions() {
        return List.copyOf(regions);
    }

    /** Releases all memory; transports must be closed before. */
    @Override
    public synchronized void close() {
        regions.forEach(HostRegion::release);
        regions.clear();
        free.clear();
    }

    @GuardedBy("this")
    private void grow() throws TransferException {
        HostRegion region = source.allocate((long) SLOT_BYTES * SLOTS_PER_REGION);
        if (region.location().kind() != Location.Kind.HOST) {
            region.release();
            throw new TransferException(
                    Code.REFUSED,
                    "control memory must be host memory and location=" + region.location()
                            + " was given: the location describes the memory, never the rank that uses it");
        }
        regions.add(region);
        register.accept(region);
        for (int i = 0; i < SLOTS_PER_REGION; i++) {
            free.addLast(new Slot(region, (long) i * SLOT_BYTES));
        }
    }

    /**
     * What proves a path: never a constant, so that nothing of an earlier life can pass for it.
     *
     * @param epoch of the process that wrote it
     * @param sequence number that this process used once
     */
    record Word(long epoch, long sequence) {
        @Override
        public String toString() {
            return Long.toHexString(epoch) + "/" + sequence;
        }
    }

    /**
     * One slot.
     *
     * @param region that holds it
     * @param offset of its first byte
     */
    record Slot(HostRegion region, long offset) {
        Word read(int index) {
            ByteBuffer bytes = region.slice(offset, SLOT_BYTES);
            long sequence = (long) LONGS.getAcquire(bytes, index * WORD_BYTES + Long.BYTES);
            return new Word((long) LONGS.getAcquire(bytes, index * WORD_BYTES), sequence);
        }

        void write(int index, Word word) {
            ByteBuffer bytes = region.slice(offset, SLOT_BYTES);
            LONGS.setRelease(bytes, index * WORD_BYTES, word.epoch);
            LONGS.setRelease(bytes, index * WORD_BYTES + Long.BYTES, word.sequence);
        }

        long wordOffset(int index) {
            return offset + (long) index * WORD_BYTES;
        }
    }
}
