// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumMap;

/**
 * One rank's mailbox for another one: the words that it writes for it, and the ring that it sends to it through. Positions count
 * bytes from the first message on and never go back; everything in a ring begins at a multiple of {@link #HEAD_BYTES}.
 *
 * <p>Threading: words are safe from any thread; the ring is the owner's from {@code consumed + size} back to {@code published}, and
 * the other rank's between the two.
 */
final class Mailbox {
    /** A message's head: {@code u8 kind | u8 type | u16 0 | i32 tag}, {@code i64 count}, and 16 bytes of nothing. */
    static final int HEAD_BYTES = 32;

    private static final VarHandle LONG = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());
    private static final int COUNT_OFFSET = 8;

    private final ByteBuffer words;
    private final ByteBuffer ring;
    private final EnumMap<DataType, Elements> views = new EnumMap<>(DataType.class);

    Mailbox(ByteBuffer words, ByteBuffer ring) {
        this.words = words;
        this.ring = ring;
    }

    int ringBytes() {
        return ring.capacity();
    }

    long published() {
        return (long) LONG.getAcquire(words, SegmentLayout.PUBLISHED_OFFSET);
    }

    /** Owner: shows what it put into the ring. */
    void publish(long position) {
        LONG.setRelease(words, SegmentLayout.PUBLISHED_OFFSET, position);
    }

    long consumed() {
        return (long) LONG.getAcquire(words, SegmentLayout.CONSUMED_OFFSET);
    }

    /** Owner: gives back what it took out of the other rank's ring. */
    void consume(long position) {
        LONG.setRelease(words, SegmentLayout.CONSUMED_OFFSET, position);
    }

    long granted() {
        return (long) LONG.getAcquire(words, SegmentLayout.GRANTED_OFFSET);
    }

    /** Owner: asks for another long message of the other rank. */
    void grant(long messages) {
        LONG.setRelease(words, SegmentLayout.GRANTED_OFFSET, messages);
    }

    void putHead(long position, long head, long count) {
        int at = at(position);
        ring.putLong(at, head);
        ring.putLong(at + COUNT_OFFSET, count);
    }

    long head(long position) {
        return ring.getLong(at(position));
    }

    long count(long position) {
        return ring.getLong(at(position) + COUNT_OFFSET);
    }

    /** Copies elements into the ring, from a position on, round its end. */
    void put(long position, Elements source, long from, long count) {
        Elements view = as(source.type());
        int size = source.type().sizeBytes();
        long first = Math.min(count, (ringBytes() - at(position)) / size);
        source.copyTo(from, view, at(position) / size, first);
        source.copyTo(from + first, view, 0, count - first);
    }

    /** Copies elements out of the ring, from a position on, round its end. */
    void get(long position, Elements target, long to, long count) {
        Elements view = as(target.type());
        int size = target.type().sizeBytes();
        long first = Math.min(count, (ringBytes() - at(position)) / size);
        view.copyTo(at(position) / size, target, to, first);
        view.copyTo(0, target, to + first, count - first);
    }

    private int at(long position) {
        return (int) (position & (ringBytes() - 1));
    }

    private Elements as(DataType type) {
        Elements view = views.get(type);
        if (view == null) {
            view = Elements.of(ring, type);
            views.put(type, view);
        }
        return view;
    }
}
