// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.fabric.Call;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The receiver's end of a lane: messages of one rank in their order, and that rank's words. A message is there when its head is, whole,
 * since its payload lands before. What carries another epoch is not there.
 *
 * <p>Threading: the rank's thread; the memory is written by transports.
 */
final class Inbox {
    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private final HostRegion region;
    private final LaneLayout layout;
    private final long epoch;
    private final ByteBuffer words;
    private final Slot[] slots;
    private final ByteBuffer standing =
            ByteBuffer.allocate(LaneLayout.STANDING_BYTES).order(ByteOrder.nativeOrder());
    private final ByteBuffer head = ByteBuffer.allocate(LaneLayout.HEAD_BYTES).order(ByteOrder.nativeOrder());
    private final long[] call = new long[4];
    private long seenSeal;
    private long credit;
    private long left;
    private long taken;
    private boolean waiting;
    private Slot current;

    /** Takes over a region of {@code layout.sizeBytes()}, zeroed, counted once for it. */
    Inbox(HostRegion region, LaneLayout layout, long epoch) {
        this.region = region;
        this.layout = layout;
        this.epoch = epoch;
        this.words = region.slice(0, LaneLayout.SLOTS_AT);
        this.slots = Slot.of(layout, region.slice(0, Math.toIntExact(layout.sizeBytes())));
        this.current = slots[0];
    }

    HostRegion region() {
        return region;
    }

    /** Returns whether the next message is there; it stays until {@link #release}. */
    boolean poll() {
        if (waiting) {
            return true;
        }
        long next = taken + 1;
        Slot slot = slots[layout.slot(next)];
        ByteBuffer bytes = slot.bytes();
        if ((long) LONG.getAcquire(bytes, LaneLayout.SEQUENCE_AT) != next
                || (long) LONG.getAcquire(bytes, LaneLayout.EPOCH_AT) != epoch) {
            return false;
        }
        // What is judged and taken is a copy: words of the head may still land.
        head.put(0, bytes, 0, LaneLayout.HEAD_BYTES);
        if (head.getLong(LaneLayout.HEAD_SEAL_AT) != LaneLayout.seal(head, 0, LaneLayout.HEAD_SEAL_AT)) {
            return false;
        }
        current = slot;
        waiting = true;
        for (int i = 0; i < call.length; i++) {
            call[i] = head.getLong(LaneLayout.HEAD_CALL_AT + i * Long.BYTES);
        }
        return true;
    }

    private void readStanding() {
        long seal = (long) LONG.getAcquire(words, LaneLayout.STANDING_SEAL_AT);
        if (seal == seenSeal) {
            return;
        }
        // The words may go on changing: what is judged and taken is a copy.
        standing.put(0, words, 0, LaneLayout.STANDING_BYTES);
        if (standing.getLong(LaneLayout.STANDING_SEAL_AT) != LaneLayout.seal(standing, 0, LaneLayout.STANDING_SEAL_AT)
                || standing.getLong(LaneLayout.EPOCH_AT) != epoch) {
            return;
        }
        seenSeal = standing.getLong(LaneLayout.STANDING_SEAL_AT);
        credit = Math.max(credit, standing.getLong(LaneLayout.CREDIT_AT));
        left = Math.max(left, standing.getLong(LaneLayout.LEFT_AT));
        if (!waiting && standing.getLong(LaneLayout.CALL_AT) >= call[0]) {
            for (int i = 0; i < call.length; i++) {
                call[i] = standing.getLong(LaneLayout.CALL_AT + i * Long.BYTES);
            }
        }
    }

    /** Returns how many messages of this rank the other one is done with. */
    long credit() {
        readStanding();
        return credit;
    }

    /** Tells that the other rank has left. */
    boolean hasLeft() {
        readStanding();
        return left > 0;
    }

    /** Tells that the other rank has left and every message that it sent before was taken. */
    boolean isOver() {
        return hasLeft() && taken >= left - 1 && !waiting;
    }

    /** Returns the payload of the message that is there. */
    Elements payload(DataType type) {
        return current.payload(type);
    }

    int payloadBytes() {
        return head.getInt(LaneLayout.PAYLOAD_BYTES_AT);
    }

    int tag() {
        return head.getInt(LaneLayout.TAG_AT);
    }

    /** Returns the type of the piece of mail that is there. */
    DataType mailType() {
        return Arrays.stream(DataType.values())
                .filter(type -> type.number() == (int) (call[1] >> Byte.SIZE & 0xff))
                .findFirst()
                .orElse(DataType.INT8);
    }

    /** Returns the number of elements of the piece of mail that is there. */
    long mailCount() {
        return call[2];
    }

    long callNumber() {
        return call[0];
    }

    boolean isOfCall(long sequence, long signature, long count, long shape) {
        return call[0] == sequence && call[1] == signature && call[2] == count && call[3] == shape;
    }

    /** Describes the latest call that the other rank is known to be at. */
    String describeCall() {
        return call[0] == 0 ? "no call yet" : Call.describe(call[0], call[1], call[2], call[3]);
    }

    /** Is done with the message that is there; returns how many it is done with. */
    long release() {
        waiting = false;
        return ++taken;
    }

    /** Returns the number of the message that is there or comes next. */
    long next() {
        return taken + 1;
    }
}
