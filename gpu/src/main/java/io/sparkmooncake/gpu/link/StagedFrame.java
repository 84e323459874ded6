// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;

/**
 * What is asked of the owner of device memory that is staged, and the answers.
 *
 * <pre>
 *  request  0 op   1 number n   5 n × (id | key | offset | length)
 *  answer   to OPEN: the descriptor of the window; to others: n, the entries that were moved, or -1 where the owner gave the window up
 * </pre>
 */
final class StagedFrame {
    static final byte OPEN = 0;
    static final byte FETCH = 1;
    static final byte STORE = 2;
    static final int MAX_ENTRIES = 1_024;

    /** Answered instead of a number of entries. */
    static final int NO_WINDOW = -1;

    private static final int HEADER_BYTES = 1 + Integer.BYTES;
    private static final int ENTRY_BYTES = 4 * Long.BYTES;

    private StagedFrame() {}

    /**
     * One stretch of a region; stretches follow each other in the window.
     *
     * @param id of the region
     * @param key that the owner gave out
     * @param offset into the region
     * @param length in bytes
     */
    record Entry(long id, long key, long offset, int length) {}

    static ByteBuffer encode(byte op, java.util.List<Entry> entries) {
        ByteBuffer frame = ByteBuffer.allocate(HEADER_BYTES + entries.size() * ENTRY_BYTES);
        frame.put(op).putInt(entries.size());
        for (Entry each : entries) {
            frame.putLong(each.id()).putLong(each.key()).putLong(each.offset()).putLong(each.length());
        }
        return frame.flip();
    }

    static java.util.List<Entry> decode(ByteBuffer frame) throws TransferException {
        try {
            int count = frame.getInt();
            if (count < 0 || count > MAX_ENTRIES) {
                throw new TransferException(Code.PROTOCOL, "staged entries=" + count + ", limit=" + MAX_ENTRIES);
            }
            java.util.List<Entry> entries = new java.util.ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                entries.add(
                        new Entry(frame.getLong(), frame.getLong(), frame.getLong(), Math.toIntExact(frame.getLong())));
            }
            return entries;
        } catch (BufferUnderflowException | ArithmeticException e) {
            throw new TransferException(Code.PROTOCOL, "an unreadable staged request", e);
        }
    }

    static ByteBuffer encode(RegionDescriptor window) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            window.writeTo(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return ByteBuffer.wrap(bytes.toByteArray());
    }

    static ByteBuffer moved(int entries) {
        return ByteBuffer.allocate(Integer.BYTES).putInt(0, entries);
    }

    static int moved(ByteBuffer answer) throws TransferException {
        if (answer.remaining() != Integer.BYTES) {
            throw new TransferException(Code.PROTOCOL, "an unreadable staged answer of bytes=" + answer.remaining());
        }
        return answer.getInt(answer.position());
    }

    static RegionDescriptor window(ByteBuffer answer) throws TransferException {
        byte[] bytes = new byte[answer.remaining()];
        answer.get(bytes);
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            return RegionDescriptor.readFrom(in);
        } catch (IOException | IllegalArgumentException e) {
            throw new TransferException(Code.PROTOCOL, "an unreadable staged answer", e);
        }
    }
}
