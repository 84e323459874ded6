// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Messages between two ranks of a host. A short one goes into the ring at once, with its head, and waits there; of a long one only
 * the head goes, and its elements follow through the ring once the other rank has asked for it. A message whose tag is not the one
 * that is awaited is kept on the heap of the receiver.
 *
 * <p>Threading: the rank's own. Every wait has the exchange's timeout, and ends early for what ends that of a step.
 */
public final class MessageExchange {
    private static final int SPINS = 400;
    private static final long YIELD_NANOS = 1_000_000;
    private static final long MIN_PARK_NANOS = 50_000;
    private static final long MAX_PARK_NANOS = 1_000_000;
    private static final int SHORT = 1;
    private static final int LONG = 2;
    private static final int TYPE_SHIFT = 8;
    private static final int TAG_SHIFT = 32;
    private static final DataType[] TYPES = types();

    private final StepExchange exchange;
    private final int self;
    private final int spins;
    private final @Nullable Other[] others;
    private boolean seenLeft;

    /** What this rank and another one have exchanged; made when the first message goes or is awaited. */
    private static final class Other {
        final int rank;
        final Mailbox mine;
        final Mailbox theirs;
        final ArrayDeque<Kept> kept = new ArrayDeque<>();
        long sent;
        long longSent;
        long taken;
        long longAsked;

        Other(int rank, Mailbox mine, Mailbox theirs) {
            this.rank = rank;
            this.mine = mine;
            this.theirs = theirs;
        }
    }

    /** A short message whose tag was not awaited. */
    private record Kept(long head, long count, Elements elements) {}

    /** Creates the exchange of messages beside that of steps. */
    public MessageExchange(StepExchange exchange) {
        this.exchange = exchange;
        this.self = exchange.self().rank();
        // As in a step: a rank that spins while another one waits for the core delays both.
        this.spins = exchange.self().size() <= Runtime.getRuntime().availableProcessors() ? SPINS : 0;
        this.others = new Other[exchange.self().size()];
    }

    private static DataType[] types() {
        DataType[] byNumber = new DataType
                [1
                        + Arrays.stream(DataType.values())
                                .mapToInt(DataType::number)
                                .max()
                                .orElse(0)];
        for (DataType type : DataType.values()) {
            byNumber[type.number()] = type;
        }
        return byNumber;
    }

    private Other other(int rank) {
        Other other = others[rank];
        if (other == null) {
            other = new Other(rank, exchange.mailbox(self, rank), exchange.mailbox(rank, self));
            others[rank] = other;
        }
        return other;
    }

    /** Sends; returns when the source may be changed. */
    public void send(Elements source, int to, int tag) throws CollectiveException {
        exchange.throwIfBroken();
        Other other = other(to);
        long count = source.count();
        long bytes = Math.multiplyExact(count, source.type().sizeBytes());
        long limit = other.mine.ringBytes() / 2L - Mailbox.HEAD_BYTES;
        int kind = bytes <= limit ? SHORT : LONG;
        long head = kind | ((long) source.type().number() << TYPE_SHIFT) | ((long) tag << TAG_SHIFT);
        if (exchange.hasLeft(to)) {
            throw left(other, describe(Operation.SEND, head, count, to));
        }
        if (kind == SHORT) {
            awaitRoom(other, Mailbox.HEAD_BYTES + padded(bytes), head, count);
            other.mine.putHead(other.sent, head, count);
            other.mine.put(other.sent + Mailbox.HEAD_BYTES, source, 0, count);
            other.sent += Mailbox.HEAD_BYTES + padded(bytes);
            other.mine.publish(other.sent);
            return;
        }
        awaitRoom(other, Mailbox.HEAD_BYTES, head, count);
        other.mine.putHead(other.sent, head, count);
        other.sent += Mailbox.HEAD_BYTES;
        other.longSent++;
        other.mine.publish(other.sent);
        stream(source, other, head);
    }

    private void stream(Elements source, Other other, long head) throws CollectiveException {
        long count = source.count();
        for (long waits = 0, start = 0; other.theirs.granted() < other.longSent; waits++) {
            start = pause(other, Operation.SEND, head, count, waits, start);
        }
        int size = source.type().sizeBytes();
        int share = other.mine.ringBytes() / 2 / size;
        long n;
        for (long at = 0; at < count; at += n) {
            n = Math.min(share, count - at);
            awaitRoom(other, padded(n * size), head, count);
            other.mine.put(other.sent, source, at, n);
            other.sent += padded(n * size);
            other.mine.publish(other.sent);
        }
    }

    private void awaitRoom(Other other, long bytes, long head, long count) throws CollectiveException {
        long most = other.mine.ringBytes() - bytes;
        for (long waits = 0, start = 0; other.sent - other.theirs.consumed() > most; waits++) {
            start = pause(other, Operation.SEND, head, count, waits, start);
        }
    }

    /** Receives the oldest message with this tag. */
    public void receive(Elements target, int from, int tag) throws CollectiveException {
        exchange.throwIfBroken();
        Other other = other(from);
        long awaited = ((long) target.type().number() << TYPE_SHIFT) | ((long) tag << TAG_SHIFT);
        if (!other.kept.isEmpty() && takeKept(other, target, awaited)) {
            return;
        }
        while (true) {
            awaitBytes(other, other.taken + Mailbox.HEAD_BYTES, awaited, target.count());
            long head = other.theirs.head(other.taken);
            long count = other.theirs.count(other.taken);
            other.taken += Mailbox.HEAD_BYTES;
            if (tag(head) == tag) {
                requireSame(other, head, count, target, awaited);
                if ((head & 0xff) == LONG) {
                    collect(other, target, awaited);
                } else {
                    takeShort(other, target);
                }
                return;
            }
            keep(other, head, count, awaited, target.count());
        }
    }

    private static int tag(long head) {
        return (int) (head >>> TAG_SHIFT);
    }

    private static DataType type(long head) {
        return TYPES[(int) (head >>> TYPE_SHIFT) & 0xff];
    }

    private void takeShort(Other other, Elements target) {
        other.theirs.get(other.taken, target, 0, target.count());
        other.taken += padded(target.count() * target.type().sizeBytes());
        other.mine.consume(other.taken);
    }

    /** Keeps a message for a later call; a long one that is not awaited will never be asked for, nor what comes after it. */
    private void keep(Other other, long head, long count, long awaited, long awaitedCount) throws CollectiveException {
        if ((head & 0xff) == LONG) {
            other.mine.consume(other.taken);
            throw exchange.giveUp(
                    Code.DESYNC,
                    exchange.describe(other.rank) + " is at " + describe(Operation.SEND, head, count, self)
                            + ", we are at "
                            + describe(Operation.RECEIVE, awaited, awaitedCount, other.rank) + "; found by "
                            + exchange.describe(self)
                            + ". Long messages are not kept: receive them in the order in which they are sent");
        }
        Elements elements = Elements.allocate(type(head), (int) count);
        takeShort(other, elements);
        other.kept.add(new Kept(head, count, elements));
    }

    private boolean takeKept(Other other, Elements target, long awaited) throws CollectiveException {
        for (Iterator<Kept> all = other.kept.iterator(); all.hasNext(); ) {
            Kept kept = all.next();
            if (tag(kept.head) == tag(awaited)) {
                requireSame(other, kept.head, kept.count, target, awaited);
                kept.elements.copyTo(0, target, 0, kept.count);
                all.remove();
                return true;
            }
        }
        return false;
    }

    private void collect(Other other, Elements target, long awaited) throws CollectiveException {
        other.mine.consume(other.taken);
        other.mine.grant(++other.longAsked);
        int size = target.type().sizeBytes();
        int share = other.mine.ringBytes() / 2 / size;
        long count = target.count();
        long n;
        for (long at = 0; at < count; at += n) {
            n = Math.min(share, count - at);
            awaitBytes(other, other.taken + padded(n * size), awaited, count);
            other.theirs.get(other.taken, target, at, n);
            other.taken += padded(n * size);
            other.mine.consume(other.taken);
        }
    }

    private void awaitBytes(Other other, long position, long awaited, long count) throws CollectiveException {
        for (long waits = 0, start = 0; other.theirs.published() < position; waits++) {
            start = pause(other, Operation.RECEIVE, awaited, count, waits, start);
        }
    }

    private void requireSame(Other other, long head, long count, Elements target, long awaited)
            throws CollectiveException {
        if (type(head) != target.type() || count != target.count()) {
            throw exchange.giveUp(
                    Code.DESYNC,
                    exchange.describe(other.rank) + " is at " + describe(Operation.SEND, head, count, self)
                            + ", we are at "
                            + describe(Operation.RECEIVE, awaited, target.count(), other.rank) + "; found by "
                            + exchange.describe(self)
                            + ". A message must be received with the type and count with which it is sent");
        }
    }

    /** Rounds up to whole heads, so that no head lies across the end of a ring. */
    private static long padded(long bytes) {
        return (bytes + Mailbox.HEAD_BYTES - 1) & -Mailbox.HEAD_BYTES;
    }

    /** Waits a little for the other rank, longer each time; returns when the wait began. */
    private long pause(Other other, Operation operation, long head, long count, long waits, long startNanos)
            throws CollectiveException {
        if (waits <= spins) {
            seenLeft = false;
            Thread.onSpinWait();
            return System.nanoTime();
        }
        long waitedNanos = System.nanoTime() - startNanos;
        exchange.throwIfBroken();
        if (Thread.currentThread().isInterrupted()) {
            throw exchange.giveUp(
                    Code.INTERRUPTED,
                    exchange.describe(self) + " was interrupted in " + describe(operation, head, count, other.rank));
        }
        // What it did before it left counts, so whoever waits looks once more.
        if (seenLeft) {
            throw left(other, describe(operation, head, count, other.rank));
        }
        seenLeft = exchange.hasLeft(other.rank);
        if (waitedNanos >= exchange.timeoutNanos()) {
            throw exchange.giveUp(Code.TIMED_OUT, isSilent(other, describe(operation, head, count, other.rank)));
        }
        if (waitedNanos < YIELD_NANOS) {
            StepExchange.yieldCore();
        } else {
            LockSupport.parkNanos(this, Math.min(MAX_PARK_NANOS, Math.max(MIN_PARK_NANOS, waitedNanos / 8)));
        }
        return startNanos;
    }

    private CollectiveException left(Other other, String call) {
        return exchange.giveUp(
                Code.DESYNC,
                exchange.describe(other.rank) + " left after " + exchange.describeCall(other.rank) + ", we are at "
                        + call + "; found by " + exchange.describe(self));
    }

    private String isSilent(Other other, String call) {
        return String.format(
                Locale.ROOT,
                "%s did not come to what goes with %s within %.1f s: its latest call of all ranks is %s; found by %s. Check that"
                        + " it calls the other side of it, with the same tag, and that its task runs",
                exchange.describe(other.rank),
                call,
                exchange.timeoutNanos() / 1e9,
                exchange.describeCall(other.rank),
                exchange.describe(self));
    }

    /** Returns {@code SEND float32[5] tag=3 to rank 1}. */
    private static String describe(Operation operation, long head, long count, int other) {
        return operation + " " + type(head).label() + "[" + count + "] tag=" + tag(head)
                + (operation == Operation.SEND ? " to rank " : " from rank ") + other;
    }
}
