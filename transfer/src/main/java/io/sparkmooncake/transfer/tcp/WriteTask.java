// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import java.lang.invoke.VarHandle;
import java.util.function.Consumer;

/**
 * A WRITE whose bodies are arriving at the owner. An entry that does not pass is drained, and fails alone.
 *
 * <p>Threading: the connection's event loop.
 */
final class WriteTask {
    private static final int MAX_SEGMENT_BYTES = 16 << 20;

    private final long requestId;
    private final EntryColumns columns;
    private final RegionAccess access;
    private final RegionTable table;
    private final Consumer<DataFrame> reply;
    private long bytesLeft;
    private int entry;
    private long arrivedBytes;
    private Refusal entryRefusal = Refusal.NONE;
    private Refusal lastRefusal = Refusal.NONE;
    private long lastRegionBytes;
    private int lastCount;

    WriteTask(long requestId, EntryColumns columns, RegionAccess access, RegionTable table, Consumer<DataFrame> reply) {
        this.requestId = requestId;
        this.columns = columns;
        this.access = access;
        this.table = table;
        this.reply = reply;
        this.bytesLeft = columns.totalBytes();
    }

    long requestId() {
        return requestId;
    }

    long bytesLeft() {
        return bytesLeft;
    }

    boolean isFinished() {
        return entry == columns.entries();
    }

    /** Returns where the next bytes go; the region is held until {@link #arrived} or {@link #close}. */
    Segment nextSegment(long limitBytes) {
        long bytes = Math.min(limitBytes, columns.length(entry) - arrivedBytes);
        if (entryRefusal == Refusal.NONE) {
            entryRefusal = access.open(entry);
        }
        if (entryRefusal == Refusal.NONE && !access.region().isAddressable()) {
            entryRefusal = Refusal.READ_ONLY;
        }
        if (entryRefusal != Refusal.NONE) {
            return Segment.drain(bytes);
        }
        int piece = (int) Math.min(bytes, MAX_SEGMENT_BYTES);
        return Segment.into(access.region().slice(columns.offset(entry) + arrivedBytes, piece));
    }

    void arrived(long bytes, boolean segmentEnded) {
        arrivedBytes += bytes;
        bytesLeft -= bytes;
        if (segmentEnded) {
            access.handOver().run();
        }
        if (arrivedBytes == columns.length(entry)) {
            endEntry();
        }
        passEmptyEntries();
    }

    /** Ends entries without bytes at hand. */
    void passEmptyEntries() {
        while (!isFinished() && columns.length(entry) == 0) {
            entryRefusal = access.open(entry);
            access.handOver().run();
            endEntry();
        }
    }

    private void endEntry() {
        VarHandle.releaseFence(); // the entries of a WRITE land in their order
        end(entryRefusal, 1);
        entry++;
        arrivedBytes = 0;
        entryRefusal = Refusal.NONE;
    }

    private void end(Refusal refusal, int count) {
        if (refusal != Refusal.NONE && refusal != Refusal.CANCELLED) {
            table.countRefusal();
        }
        long regionBytes = refusal == Refusal.OUT_OF_BOUNDS ? access.refusedRegionBytes() : 0;
        if (refusal != lastRefusal || regionBytes != lastRegionBytes) {
            report();
        }
        lastRefusal = refusal;
        lastRegionBytes = regionBytes;
        lastCount += count;
    }

    /** Tells the caller how the entries ended that ended since the last report. */
    void report() {
        if (lastCount > 0) {
            reply.accept(DataFrame.ended(lastRefusal, lastCount, requestId, lastRegionBytes));
            lastCount = 0;
        }
    }

    /** The caller sends no more: what has not ended ends as cancelled. */
    void cancel() {
        end(Refusal.CANCELLED, columns.entries() - entry);
        entry = columns.entries();
        report();
        close();
    }

    /** Lets go of the region at hand. */
    void close() {
        access.handOver().run();
    }
}
