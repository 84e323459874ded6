// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;

/**
 * One request frame of a batch, as its caller follows it: which entries ended, and for WRITE which were sent.
 *
 * <p>Threading: the connection's event loop.
 */
final class Request implements BodySource {
    private static final int MAX_SEGMENT_BYTES = 16 << 20;

    private final long id;
    private final LinkBatch owner;
    private final TransferBatch batch;
    private final EntryColumns columns;
    private final int[] indexes;
    private long bytesLeft;
    private int ended;
    private long arrivedBytes;
    private int sent;
    private long sentBytes;

    /**
     * Creates the request of {@code columns}.
     *
     * @param indexes the entries' places in the batch
     */
    Request(long id, LinkBatch owner, EntryColumns columns, int[] indexes) {
        this.id = id;
        this.owner = owner;
        this.batch = owner.batch();
        this.columns = columns;
        this.indexes = indexes;
        this.bytesLeft = columns.totalBytes();
    }

    long id() {
        return id;
    }

    LinkBatch owner() {
        return owner;
    }

    EntryColumns columns() {
        return columns;
    }

    boolean isEnded() {
        return ended == indexes.length;
    }

    boolean isOf(TransferBatch other) {
        return batch.equals(other);
    }

    /** Returns the bytes that did not arrive yet (READ), or that the owner did not confirm yet (WRITE). */
    @Override
    public long bytesLeft() {
        return bytesLeft;
    }

    // ---- READ: bytes arrive

    /** Returns where the next bytes go: local memory, as far as it is contiguous, or nowhere once the batch is ending. */
    Segment nextSegment(long limitBytes) {
        if (owner.isEnding()) {
            return Segment.drain(limitBytes);
        }
        int index = indexes[ended];
        HostRegion region = local(index);
        long start = batch.localOffset(index) + arrivedBytes;
        long length = batch.length(index) - arrivedBytes;
        for (int next = ended + 1; next < indexes.length && length < limitBytes; next++) {
            int other = indexes[next];
            if (batch.local(other) != region || batch.localOffset(other) != start + length) {
                break;
            }
            length += batch.length(other);
        }
        int bytes = (int) Math.min(Math.min(length, limitBytes), MAX_SEGMENT_BYTES);
        return Segment.into(region.slice(start, bytes));
    }

    void arrived(long bytes) {
        bytesLeft -= bytes;
        arrivedBytes += bytes;
        while (!isEnded() && arrivedBytes >= columns.length(ended)) {
            arrivedBytes -= columns.length(ended);
            batch.complete(indexes[ended++]);
        }
    }

    /** The owner ended entries without a body, or for WRITE after it. */
    void ended(DataFrame frame, Wire wire) throws TransferException {
        if (frame.count() < 1 || frame.count() > indexes.length - ended) {
            throw new TransferException(Code.PROTOCOL, frame + " ends more entries than are left");
        }
        if (frame.refusal() == Refusal.CANCELLED ? !owner.isEnding() : !mayEnd(frame)) {
            throw new TransferException(Code.PROTOCOL, frame + " ends entries too early");
        }
        for (int i = 0; i < frame.count(); i++) {
            int index = indexes[ended];
            if (frame.refusal() == Refusal.NONE) {
                batch.complete(index);
            } else {
                batch.fail(index, arrivedBytes, refused(frame, wire));
            }
            bytesLeft -= columns.length(ended) - arrivedBytes;
            arrivedBytes = 0;
            ended++;
        }
    }

    private boolean mayEnd(DataFrame frame) {
        return batch.opcode() == Opcode.READ ? frame.refusal() != Refusal.NONE : ended + frame.count() <= sent;
    }

    private TransferException refused(DataFrame frame, Wire wire) {
        Opcode opcode = batch.opcode();
        return new TransferException(
                frame.refusal() == Refusal.CANCELLED ? Code.CANCELLED : Code.REFUSED,
                "peer " + wire.peer() + " refused " + opcode + " over tcp of region id=" + columns.regionId(ended)
                        + " offset=" + columns.offset(ended) + " length=" + columns.length(ended) + ": "
                        + frame.refusal().text()
                        + (frame.refusal() == Refusal.OUT_OF_BOUNDS ? ", region sizeBytes=" + frame.bytes() : "")
                        + "; look its place up again");
    }

    // ---- WRITE: bytes are sent

    boolean isSent() {
        return sent == indexes.length;
    }

    @Override
    public long remaining() {
        return isSent() ? 0 : columns.length(sent) - sentBytes;
    }

    @Override
    public HostRegion region() {
        return local(indexes[sent]);
    }

    @Override
    public long offset() {
        return batch.localOffset(indexes[sent]) + sentBytes;
    }

    @Override
    public void sent(long bytes) {
        sentBytes += bytes;
        if (sentBytes == columns.length(sent)) {
            sent++;
            sentBytes = 0;
        }
    }

    @Override
    public Runnable endRun() {
        owner.queued();
        return owner::left;
    }

    private HostRegion local(int index) {
        return (HostRegion) batch.local(index);
    }
}
