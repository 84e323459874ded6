// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Call;
import io.sparkmooncake.collectives.fabric.Court;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.fabric.Verdict;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * One rank's lanes to the ranks that it exchanges messages with, opened when they are first needed. Messages to one rank arrive in
 * their order; each carries the call that it belongs to, which the receiver compares with its own.
 *
 * <p>No wait is longer than the timeout, and each ends early when the other rank left or is known to be lost, when a transfer
 * failed, when another rank broke the communicator, or when this thread is interrupted.
 *
 * <p>Threading: {@link #peerLost}, {@link #broken} and {@link #giveUp} are safe from any thread, the rest is for the rank's own.
 */
public final class Links implements AutoCloseable {
    private static final int SPINS = 200;
    private static final long YIELD_NANOS = 200_000;
    private static final long MIN_PARK_NANOS = 20_000;
    private static final long MAX_PARK_NANOS = 500_000;
    private static final long MAX_LEAVE_NANOS = 10_000_000_000L;

    private final Membership self;
    private final LaneMemory memory;
    private final Dialer dialer;
    private final Court court;
    private final LaneLayout layout;
    private final Duration timeout;
    private final LinkCall call = new LinkCall();
    private final LinkCall mail = new LinkCall();
    private final @Nullable Lane[] lanes;
    private final @Nullable Lane[] mailboxes;
    private final AtomicReferenceArray<@Nullable String> losses;
    private List<String> names = List.of();
    private String mailText = "";
    private long waitNanos;
    private long sequence;
    private volatile boolean lossKnown;
    private volatile @Nullable Verdict verdict;

    /** What a lane is for: messages of either kind are ordered among themselves. */
    public enum Stream {
        /** Messages of operations that all ranks call. */
        COLLECTIVE,
        /** Messages from one rank to another. */
        MAIL
    }

    /** Finds other ranks. */
    @FunctionalInterface
    public interface Dialer {
        /**
         * Connects the processes of other ranks and asks them for their ends of lanes from this one, which has the same layout.
         *
         * @return in the order of the ranks
         * @throws CollectiveException with one row per rank that is not reached
         */
        List<Far> dial(List<Integer> ranks, Stream stream, int slots, int slotBytes) throws CollectiveException;
    }

    /**
     * The other end of a lane.
     *
     * @param peer process of the other rank
     * @param lane its region for messages of this one
     */
    public record Far(Peer peer, RegionDescriptor lane) {}

    private record Lane(Inbox inbox, Outbox outbox, Stream stream) {}

    /**
     * Creates the links of a rank without any lane.
     *
     * @param memory of this rank's ends, which others open before or after it does
     * @param slotBytes largest payload of a message, a multiple of 64
     * @param timeout of one wait
     */
    public Links(LaneMemory memory, Dialer dialer, Court court, int slotBytes, Duration timeout) {
        this.memory = memory;
        this.self = memory.self();
        this.dialer = dialer;
        this.court = court;
        this.layout = new LaneLayout(LaneMemory.SLOTS, slotBytes);
        this.timeout = timeout;
        this.waitNanos = timeout.toNanos();
        this.lanes = new Lane[self.size()];
        this.mailboxes = new Lane[self.size()];
        this.losses = new AtomicReferenceArray<>(self.size());
    }

    /** Says how errors name the ranks: {@code rank 3 (10.0.0.7:40213)}, in order. */
    public void name(List<String> ranks) {
        names = List.copyOf(ranks);
    }

    Membership self() {
        return self;
    }

    int slotBytes() {
        return layout.slotBytes();
    }

    /** Says how long each wait lasts from now on. */
    public void patience(Duration limit) {
        waitNanos = limit.toNanos();
    }

    /** Returns how long each wait of an operation lasts. */
    public Duration timeout() {
        return timeout;
    }

    /** Begins a call; each message of it is compared with the call of the rank that receives it. */
    public void begin(Operation operation, @Nullable DataType type, @Nullable ReduceOp op, int root)
            throws CollectiveException {
        throwIfBroken();
        sequence++;
        call.begin(sequence, Call.signature(operation, type, op, root));
    }

    /** Says of how many elements, and in which blocks, the call is that {@link #begin} began. */
    public void describe(long count, long shape) {
        call.count(count, shape);
    }

    /** Opens lanes to these ranks that are not open yet, all at once, and proves each by a record that is read back. */
    public void open(List<Integer> ranks, Stream stream) throws CollectiveException {
        @Nullable Lane[] open = stream == Stream.MAIL ? mailboxes : lanes;
        List<Integer> missing = ranks.stream()
                .filter(rank -> rank != self.rank() && open[rank] == null)
                .distinct()
                .toList();
        if (missing.isEmpty()) {
            return;
        }
        List<Far> ends;
        try {
            ends = dialer.dial(missing, stream, layout.slots(), layout.slotBytes());
        } catch (CollectiveException e) {
            throw giveUp(e.code(), "no lanes to every rank: " + e.getMessage());
        }
        for (int i = 0; i < missing.size(); i++) {
            int rank = missing.get(i);
            Far far = ends.get(i);
            Inbox inbox = memory.inbox(rank, stream, layout);
            Outbox outbox = new Outbox(far.peer(), far.lane(), layout, self.epoch(), memory.agent(), timeout);
            try {
                outbox.prove(self.rank() + 1L);
            } catch (TransferException e) {
                outbox.close();
                throw giveUp(
                        codeOf(e),
                        describe(rank) + " is not reached: no word that was written to it could be read back over "
                                + far.peer().paths() + ": " + e.getMessage());
            }
            open[rank] = new Lane(inbox, outbox, stream);
        }
    }

    private Lane lane(int rank, Stream stream) throws CollectiveException {
        @Nullable Lane[] open = stream == Stream.MAIL ? mailboxes : lanes;
        Lane lane = open[rank];
        if (lane == null) {
            open(List.of(rank), stream);
            lane = open[rank];
        }
        if (lane == null) {
            throw new IllegalStateException("rank=" + rank + " has no lane to itself");
        }
        return lane;
    }

    /** Sends {@code source[from, from + count)} as one message, once there is a slot for it. */
    void send(int rank, Elements source, long from, int count) throws CollectiveException {
        Lane lane = lane(rank, Stream.COLLECTIVE);
        awaitRoom(rank, lane);
        source.copyTo(from, lane.outbox.next(source.type()), 0, count);
        lane.outbox.post(call, count * source.type().sizeBytes(), 0);
    }

    /** Sends a message without elements. */
    void signal(int rank) throws CollectiveException {
        Lane lane = lane(rank, Stream.COLLECTIVE);
        awaitRoom(rank, lane);
        lane.outbox.post(call, 0, 0);
    }

    /** Waits for the next message of that rank; it stays until {@link #release}. */
    Elements receive(int rank, DataType type, int count) throws CollectiveException {
        Lane lane = lane(rank, Stream.COLLECTIVE);
        Elements payload = arrival(rank, lane, type);
        if (lane.inbox.payloadBytes() != count * type.sizeBytes()) {
            throw giveUp(
                    Code.DESYNC,
                    describe(rank) + " sent elements=" + lane.inbox.payloadBytes() / type.sizeBytes() + " in "
                            + lane.inbox.describeCall() + ", we await elements=" + count + " in " + call + foundBy()
                            + ". Each pair of ranks must agree how many elements one sends to the other");
        }
        return payload;
    }

    private Elements arrival(int rank, Lane lane, DataType type) throws CollectiveException {
        await(rank, lane, false);
        if (!call.isAt(lane.inbox)) {
            throw giveUp(
                    Code.DESYNC,
                    describe(rank) + " is at " + lane.inbox.describeCall() + ", we are at " + call + foundBy()
                            + ". All ranks must call the same operations in the same order, with the same type, count and root");
        }
        return lane.inbox.payload(type);
    }

    /** Waits for a message of that rank that has no elements, and is done with it. */
    void awaitSignal(int rank) throws CollectiveException {
        Lane lane = lane(rank, Stream.COLLECTIVE);
        Elements unused = arrival(rank, lane, DataType.INT8);
        release(lane);
    }

    /** Is done with the message of that rank. */
    void release(int rank) throws CollectiveException {
        release(lane(rank, Stream.COLLECTIVE));
    }

    private static void release(Lane lane) {
        lane.outbox.credit(lane.inbox.release());
    }

    // ---- mail

    /**
     * Begins a piece of mail, of which only two ranks know: it has no number.
     *
     * @param text how errors name it
     */
    void beginMail(DataType type, long count, String text) throws CollectiveException {
        throwIfBroken();
        mail.begin(0, Call.signature(Operation.SEND, type, null, -1));
        mail.count(count, 0);
        mailText = text;
    }

    /** Says that the piece that came is not what was asked for. */
    CollectiveException differs(int rank, String sent) {
        return giveUp(
                Code.DESYNC,
                describe(rank) + " is at " + sent + " to rank " + self.rank() + ", we are at " + mailText + foundBy()
                        + ". Both ranks must name the same type and count");
    }

    private String at(Lane lane) {
        return lane.stream == Stream.MAIL ? mailText : call.toString();
    }

    /** Sends one message of a piece. */
    void post(int rank, Elements source, long from, int count, int tag) throws CollectiveException {
        Lane lane = lane(rank, Stream.MAIL);
        awaitRoom(rank, lane);
        source.copyTo(from, lane.outbox.next(source.type()), 0, count);
        lane.outbox.post(mail, count * source.type().sizeBytes(), tag);
    }

    /** Waits for the next message of that rank's mail, which stays until {@link #fetched}. */
    Inbox fetch(int rank) throws CollectiveException {
        Lane lane = lane(rank, Stream.MAIL);
        await(rank, lane, false);
        return lane.inbox;
    }

    /** Is done with the message of that rank's mail. */
    void fetched(int rank) throws CollectiveException {
        release(lane(rank, Stream.MAIL));
    }

    // ---- waiting

    private void awaitRoom(int rank, Lane lane) throws CollectiveException {
        if (!lane.outbox.hasRoom(lane.inbox.credit())) {
            await(rank, lane, true);
        }
    }

    private static boolean isReady(Lane lane, boolean toSend) {
        return toSend ? lane.outbox.hasRoom(lane.inbox.credit()) : lane.inbox.poll();
    }

    private void await(int rank, Lane lane, boolean toSend) throws CollectiveException {
        for (int i = 0; i <= SPINS; i++) {
            if (isReady(lane, toSend)) {
                return;
            }
            Thread.onSpinWait();
        }
        long startNanos = System.nanoTime();
        long parkNanos = MIN_PARK_NANOS;
        while (!isReady(lane, toSend)) {
            long waitedNanos = System.nanoTime() - startNanos;
            throwIfHopeless(rank, lane, waitedNanos);
            if (waitedNanos < YIELD_NANOS) {
                yieldCore();
            } else {
                LockSupport.parkNanos(this, parkNanos);
                parkNanos = Math.min(MAX_PARK_NANOS, parkNanos * 2);
            }
        }
    }

    @SuppressWarnings("ThreadPriorityCheck") // the transport's thread may need this core to land what is awaited
    private static void yieldCore() {
        Thread.yield();
    }

    private void throwIfHopeless(int rank, Lane lane, long waitedNanos) throws CollectiveException {
        throwIfBroken();
        if (Thread.currentThread().isInterrupted()) {
            throw giveUp(Code.INTERRUPTED, describe(self.rank()) + " was interrupted in " + at(lane));
        }
        // What it sent before it left counts.
        if (lane.inbox.hasLeft() && !lane.inbox.poll()) {
            throw giveUp(
                    Code.DESYNC,
                    describe(rank) + " left after " + lane.inbox.describeCall() + ", we are at " + at(lane)
                            + foundBy());
        }
        TransferException failed = lane.outbox.failure();
        if (failed != null) {
            throw giveUp(
                    codeOf(failed),
                    describe(rank) + " cannot be reached in " + at(lane) + ": " + failed.getMessage() + foundBy());
        }
        if (waitedNanos >= waitNanos) {
            throw giveUp(Code.TIMED_OUT, isSilent(rank, lane));
        }
    }

    private String isSilent(int rank, Lane lane) {
        return String.format(
                Locale.ROOT,
                "%s did not come to %s within %.1f s: it is at %s, awaited message=%d%s. Check that its task runs: a thread dump"
                        + " of its executor shows where it is",
                describe(rank),
                at(lane),
                waitNanos / 1e9,
                lane.inbox.describeCall(),
                lane.inbox.next(),
                foundBy());
    }

    private String foundBy() {
        return "; found by " + describe(self.rank());
    }

    private String describe(int rank) {
        return rank < names.size() ? names.get(rank) : "rank " + rank;
    }

    private static Code codeOf(TransferException cause) {
        return switch (cause.code()) {
            case TIMED_OUT -> Code.TIMED_OUT;
            case CLOSED, CANCELLED -> Code.CLOSED;
            case PEER_LOST -> Code.RANK_LOST;
            case UNREACHABLE -> Code.UNREACHABLE;
            case REFUSED, PROTOCOL -> Code.REFUSED;
        };
    }

    // ---- failure

    private void throwIfBroken() throws CollectiveException {
        Verdict known = verdict;
        if (known != null) {
            throw known.exception();
        }
        if (lossKnown) {
            throwIfLost();
        }
    }

    /** A process that ends after its rank has left is no loss. */
    private void throwIfLost() throws CollectiveException {
        for (int rank = 0; rank < self.size(); rank++) {
            String reason = losses.get(rank);
            Lane lane = lanes[rank];
            if (reason != null && (lane == null || !lane.inbox.hasLeft())) {
                throw giveUp(Code.RANK_LOST, describe(rank) + " is lost in " + call + ": " + reason + foundBy());
            }
        }
    }

    /** Tells that a rank's process is known to be gone; the next wait for anybody, or the next call, ends with that. */
    public void peerLost(int rank, String reason) {
        losses.set(rank, reason);
        lossKnown = true;
    }

    /** Tells why another rank, or another part of this one's fabric, broke the communicator. */
    public synchronized void broken(Verdict known) {
        if (verdict == null) {
            verdict = known;
        }
    }

    /** Breaks the communicator on every rank and returns its verdict, which is an earlier one where there is one. */
    public CollectiveException giveUp(Code code, String reason) {
        Verdict known = verdict;
        if (known == null) {
            Verdict own =
                    new Verdict(code, "communicator=" + self.communicator() + " epoch=" + self.epoch() + ": " + reason);
            broken(court.settle(own));
            known = verdict;
            if (known == null) {
                throw new IllegalStateException("no verdict for " + own);
            }
            court.spread(known);
        }
        return known.exception();
    }

    /** Leaves: waits until what was sent has arrived, tells the others, and gives all memory back. Once only. */
    @Override
    public void close() {
        List<Lane> all = new ArrayList<>();
        for (int rank = 0; rank < self.size(); rank++) {
            for (Lane lane : new @Nullable Lane[] {lanes[rank], mailboxes[rank]}) {
                if (lane != null) {
                    lane.outbox.standAt(call);
                    lane.outbox.leave();
                    all.add(lane);
                }
            }
        }
        long startNanos = System.nanoTime();
        long limitNanos = verdict == null ? Math.min(MAX_LEAVE_NANOS, timeout.toNanos()) : MIN_PARK_NANOS;
        while (System.nanoTime() - startNanos < limitNanos && !all.stream().allMatch(lane -> lane.outbox.isIdle())) {
            LockSupport.parkNanos(this, MIN_PARK_NANOS);
        }
        memory.close();
        all.forEach(lane -> lane.outbox.close());
    }
}
