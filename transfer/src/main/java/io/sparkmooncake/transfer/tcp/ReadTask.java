// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.memory.HostRegion;

/** A READ that its owner is answering. Threading: the connection's event loop. */
final class ReadTask implements BodySource {
    private final long requestId;
    private final EntryColumns columns;
    private final RegionAccess access;
    private int entry;
    private long sentBytes;
    private long bytesLeft;
    private Refusal refusal = Refusal.NONE;
    private boolean cancelled;
    private int unreadable = -1;

    /** How far the task has come. */
    record Place(int entry, long sentBytes, long bytesLeft) {}

    ReadTask(long requestId, EntryColumns columns, RegionAccess access) {
        this.requestId = requestId;
        this.columns = columns;
        this.access = access;
        this.bytesLeft = columns.totalBytes();
    }

    long requestId() {
        return requestId;
    }

    int entriesLeft() {
        return columns.entries() - entry;
    }

    /** Returns the size of the request in this process's memory. */
    int footprintBytes() {
        return columns.encodedBytes();
    }

    /** The caller wants no more: what is left ends as cancelled when its turn comes. */
    void cancel() {
        cancelled = true;
    }

    @Override
    public long remaining() {
        if (cancelled || entriesLeft() == 0) {
            return 0;
        }
        refusal = entry == unreadable ? Refusal.UNREADABLE : access.open(entry);
        return refusal == Refusal.NONE ? columns.length(entry) - sentBytes : 0;
    }

    /** Returns whether the entry at hand has bytes remaining in a file. */
    boolean isInFile() {
        return remaining() > 0 && !region().isAddressable();
    }

    int entry() {
        return entry;
    }

    Place place() {
        return new Place(entry, sentBytes, bytesLeft);
    }

    /** Goes on from an earlier place, except that an entry will be refused because it cannot be read. */
    void goBack(Place to, int unreadableEntry) {
        entry = to.entry;
        sentBytes = to.sentBytes;
        bytesLeft = to.bytesLeft;
        unreadable = unreadableEntry;
    }

    @Override
    public long bytesLeft() {
        return bytesLeft;
    }

    @Override
    public HostRegion region() {
        return access.region();
    }

    @Override
    public long offset() {
        return columns.offset(entry) + sentBytes;
    }

    @Override
    public void sent(long bytes) {
        sentBytes += bytes;
        bytesLeft -= bytes;
        if (sentBytes == columns.length(entry)) {
            entry++;
            sentBytes = 0;
        }
    }

    @Override
    public Runnable endRun() {
        return access.handOver();
    }

    /** Passes over what has no bytes to send, and returns the frame that tells the caller why. */
    DataFrame skip() {
        sentBytes = 0;
        if (cancelled) {
            int left = entriesLeft();
            entry += left;
            return DataFrame.ended(Refusal.CANCELLED, left, requestId, 0);
        }
        entry++;
        return DataFrame.ended(refusal, 1, requestId, access.refusedRegionBytes());
    }

    boolean isRefused() {
        return !cancelled && refusal != Refusal.NONE;
    }
}
