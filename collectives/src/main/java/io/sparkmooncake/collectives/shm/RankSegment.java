// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Call;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.transfer.memory.Extent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionListener;
import io.sparkmooncake.transfer.memory.RegionPool;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;

/**
 * The memory of one rank, mapped by every rank of its host: words, and two windows. Made for one membership and never used for
 * another, so that a rank of an earlier epoch that still has it mapped disturbs nobody.
 *
 * <p>Threading: words are safe from any thread; windows belong to the threads that run the ranks, by the steps of
 * {@link StepExchange}. Nobody may use a segment after {@link #close}: the pages are gone.
 */
public final class RankSegment implements AutoCloseable {
    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private final HostRegion region;
    private final Runnable release;
    private final ByteBuffer words;
    private final Window even;
    private final Window odd;
    private final int windowBytes;
    private final int size;

    private RankSegment(HostRegion region, Runnable release, int windowBytes, int size) {
        this.region = region;
        this.release = release;
        this.windowBytes = windowBytes;
        this.size = size;
        this.words = region.slice(0, SegmentLayout.WORDS_BYTES);
        this.even = new Window(region.slice(SegmentLayout.windowAt(0, windowBytes), windowBytes));
        this.odd = new Window(region.slice(SegmentLayout.windowAt(1, windowBytes), windowBytes));
    }

    /** A window and its views, made once for each type. */
    private static final class Window {
        private final ByteBuffer bytes;
        private final EnumMap<DataType, Elements> views = new EnumMap<>(DataType.class);

        Window(ByteBuffer bytes) {
            this.bytes = bytes;
        }

        Elements as(DataType type) {
            Elements view = views.get(type);
            if (view == null) {
                view = Elements.of(bytes, type);
                views.put(type, view);
            }
            return view;
        }
    }

    /**
     * Makes this rank's segment, with all its blocks taken.
     *
     * @param directory of a memory file system
     * @throws CollectiveException REFUSED where it does not take it, saying how much it has left
     */
    public static RankSegment create(Path directory, Membership self, int windowBytes) throws CollectiveException {
        long size = SegmentLayout.sizeBytes(windowBytes, self.size());
        // A pool of one: it takes the blocks now, where a full file system is an answer and not a signal later.
        RegionPool pool = RegionPool.sharedMemory(
                directory, new RegionPool.Limits(size, size, Duration.ZERO), RegionListener.NONE);
        try {
            Extent extent = pool.tryAllocate(size)
                    .orElseThrow(() -> new IOException("no room for " + size + " bytes, " + pool.describeRoom()));
            HostRegion region = extent.region();
            Runnable release = () -> {
                Regions.revoke(region);
                extent.release();
                pool.close();
            };
            RankSegment segment = new RankSegment(region, release, windowBytes, self.size());
            segment.writeHeader(self, windowBytes);
            return segment;
        } catch (IOException e) {
            pool.close();
            throw new CollectiveException(
                    Code.REFUSED,
                    "communicator=" + self.communicator() + " rank=" + self.rank() + " has no shared memory in "
                            + directory + ": " + e.getMessage() + ". Check spark.mooncake.memory.dir and its size",
                    e);
        }
    }

    private void writeHeader(Membership self, int windowBytes) {
        words.putInt(SegmentLayout.VERSION_AT, SegmentLayout.VERSION);
        words.putInt(SegmentLayout.RANK_AT, self.rank());
        words.putLong(SegmentLayout.EPOCH_AT, self.epoch());
        words.putInt(SegmentLayout.SIZE_AT, self.size());
        words.putInt(SegmentLayout.WINDOW_BYTES_AT, windowBytes);
        LONG.setRelease(words, SegmentLayout.MAGIC_AT, SegmentLayout.MAGIC);
    }

    /**
     * Takes a mapping of another rank's segment and proves that it is the one of this communicator and epoch.
     *
     * @param mapped counted once for the segment, which releases it, also when it is refused
     * @param expected the other rank's place
     */
    public static RankSegment mapped(HostRegion mapped, Membership expected, int windowBytes) throws IOException {
        String found = mapped.sizeBytes() < SegmentLayout.sizeBytes(windowBytes, expected.size())
                ? "bytes=" + mapped.sizeBytes()
                : mismatch(mapped.slice(0, SegmentLayout.WORDS_BYTES), expected, windowBytes);
        if (!found.isEmpty()) {
            mapped.release();
            throw new IOException("region id=" + mapped.id() + " is not the segment of rank=" + expected.rank()
                    + " epoch=" + expected.epoch() + " size=" + expected.size() + " windowBytes=" + windowBytes
                    + ", found " + found);
        }
        return new RankSegment(mapped, mapped::release, windowBytes, expected.size());
    }

    private static String mismatch(ByteBuffer words, Membership expected, int windowBytes) {
        if ((long) LONG.getAcquire(words, SegmentLayout.MAGIC_AT) != SegmentLayout.MAGIC) {
            return "no segment";
        }
        int version = words.getInt(SegmentLayout.VERSION_AT);
        int rank = words.getInt(SegmentLayout.RANK_AT);
        long epoch = words.getLong(SegmentLayout.EPOCH_AT);
        int size = words.getInt(SegmentLayout.SIZE_AT);
        int window = words.getInt(SegmentLayout.WINDOW_BYTES_AT);
        boolean same = version == SegmentLayout.VERSION
                && rank == expected.rank()
                && epoch == expected.epoch()
                && size == expected.size()
                && window == windowBytes;
        return same
                ? ""
                : "version=" + version + " rank=" + rank + " epoch=" + epoch + " size=" + size + " windowBytes="
                        + window;
    }

    /** Returns the memory, for other ranks to map or, in this process, to count. Valid until it is closed. */
    public HostRegion borrowRegion() {
        return region;
    }

    /** Returns the window of a turn, as elements of the type. */
    Elements window(long turn, DataType type) {
        return ((turn & 1) == 0 ? even : odd).as(type);
    }

    /** Returns the owner's mailbox for another rank; made anew each time. */
    Mailbox mailbox(int other) {
        long at = SegmentLayout.mailboxAt(other, windowBytes, size);
        int ringBytes = SegmentLayout.ringBytes(windowBytes, size);
        return new Mailbox(
                region.slice(at, SegmentLayout.RING_OFFSET), region.slice(at + SegmentLayout.RING_OFFSET, ringBytes));
    }

    void putNumber(long turn, int at, long value) {
        ((turn & 1) == 0 ? even : odd).bytes.putLong(at * Long.BYTES, value);
    }

    long number(long turn, int at) {
        return ((turn & 1) == 0 ? even : odd).bytes.getLong(at * Long.BYTES);
    }

    /** Returns how many steps the owner has arrived at; what it wrote before is visible then. */
    long phase() {
        return (long) LONG.getAcquire(words, SegmentLayout.PHASE_AT);
    }

    /** Owner: arrives at a step, with all that it wrote before. */
    void arrive(long phase) {
        LONG.setRelease(words, SegmentLayout.PHASE_AT, phase);
    }

    boolean hasLeft() {
        return (long) LONG.getAcquire(words, SegmentLayout.STATE_AT) != 0;
    }

    /** Owner: arrives at no further step. */
    public void leave() {
        LONG.setRelease(words, SegmentLayout.STATE_AT, 1L);
    }

    /** Owner: says what it calls, before it arrives at the call's first step; the place alternates. */
    void writeCall(long place, long sequence, long signature, long count, long shape) {
        int at = SegmentLayout.callAt(place);
        words.putLong(at, sequence);
        words.putLong(at + SegmentLayout.SIGNATURE_OFFSET, signature);
        words.putLong(at + SegmentLayout.COUNT_OFFSET, count);
        words.putLong(at + SegmentLayout.SHAPE_OFFSET, shape);
    }

    boolean isAtCall(long place, long sequence, long signature, long count, long shape) {
        int at = SegmentLayout.callAt(place);
        return words.getLong(at) == sequence
                && words.getLong(at + SegmentLayout.SIGNATURE_OFFSET) == signature
                && words.getLong(at + SegmentLayout.COUNT_OFFSET) == count
                && words.getLong(at + SegmentLayout.SHAPE_OFFSET) == shape;
    }

    /** Describes the owner's latest call, for an error; it may change while it is read. */
    String describeCall() {
        int even = SegmentLayout.callAt(0);
        int odd = SegmentLayout.callAt(1);
        int at = words.getLong(even) > words.getLong(odd) ? even : odd;
        long sequence = words.getLong(at);
        return Call.describe(
                sequence,
                words.getLong(at + SegmentLayout.SIGNATURE_OFFSET),
                words.getLong(at + SegmentLayout.COUNT_OFFSET),
                words.getLong(at + SegmentLayout.SHAPE_OFFSET));
    }

    /** Returns 0, 1 + rank while that rank writes it, or {@link SegmentLayout#VERDICT_WRITTEN}. */
    long verdict() {
        return (long) LONG.getAcquire(words, SegmentLayout.VERDICT_AT);
    }

    /** Writes the verdict unless there is one. */
    void writeVerdict(int byRank, String text) {
        if (LONG.compareAndSet(words, SegmentLayout.VERDICT_AT, 0L, 1L + byRank)) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            int length = Math.min(bytes.length, SegmentLayout.MAX_TEXT_BYTES);
            words.putInt(SegmentLayout.TEXT_LENGTH_AT, length);
            words.put(SegmentLayout.TEXT_AT, bytes, 0, length);
            LONG.setRelease(words, SegmentLayout.VERDICT_AT, SegmentLayout.VERDICT_WRITTEN);
        }
    }

    /** Returns the text of a verdict that is written. */
    String verdictText() {
        int length = Math.min(words.getInt(SegmentLayout.TEXT_LENGTH_AT), SegmentLayout.MAX_TEXT_BYTES);
        byte[] bytes = new byte[Math.max(0, length)];
        words.get(SegmentLayout.TEXT_AT, bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** Unmaps it; its memory goes back once the last rank has. Once only. */
    @Override
    public void close() {
        release.run();
    }
}
