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
import io.sparkmooncake.transfer.TransferException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntPredicate;
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
    private static final long LEAVE_PARK_NANOS = 50_000;
    private static final long MAX_LEAVE_NANOS = 10_000_000_000L;

    private final Membership self;
    private final LaneMemory memory;
    private final LaneDialer dialer;
    private final LinkHealth health;
    private final LaneLayout layout;
    private final Duration timeout;
    private final LinkCall call = new LinkCall();
    private final LinkCall mail = new LinkCall();
    private final @Nullable Lane[] lanes;
    private final @Nullable Lane[] mailboxes;
    private String mailText = "";
    private final LaneWait wait;
    private final CallHistory history = new CallHistory();
    private final IntPredicate departed = this::hasLeft;
    private long sequence;
    private long signature;

    private final LaneWait.Doing doing = new LaneWait.Doing() {
        @Override
        public int rank() {
            return self.rank();
        }

        @Override
        public String describe(LaneStream stream) {
            return stream == LaneStream.MAIL ? mailText : call.toString();
        }

        @Override
        public long sequence() {
            return sequence;
        }

        @Override
        public void throwIfBroken() throws CollectiveException {
            Links.this.throwIfBroken();
        }
    };

    /**
     * Creates the links of a rank without any lane.
     *
     * @param memory of this rank's ends, which others open before or after it does
     * @param slotBytes largest payload of a message, a multiple of 64
     * @param timeout of one wait
     */
    public Links(LaneMemory memory, LaneDialer dialer, Court court, int slotBytes, Duration timeout) {
        this.memory = memory;
        this.self = memory.self();
        this.dialer = dialer;
        this.health = new LinkHealth(self, court);
        this.layout = new LaneLayout(LaneMemory.SLOTS, slotBytes);
        this.timeout = timeout;
        this.wait = new LaneWait(health, dialer, timeout);
        this.lanes = new Lane[self.size()];
        this.mailboxes = new Lane[self.size()];
    }

    /** Says how errors name the ranks: {@code rank 3 (10.0.0.7:40213)}, in order. */
    public void name(List<String> ranks) {
        health.name(ranks);
    }

    Membership self() {
        return self;
    }

    int slotBytes() {
        return layout.slotBytes();
    }

    /** Says how long each wait lasts from now on. */
    public void patience(Duration limit) {
        wait.limit(limit);
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
        signature = Call.signature(operation, type, op, root);
        call.begin(sequence, signature);
        history.add(sequence, signature, 0, 0);
    }

    /** Describes a call of this rank, for another one that differs; empty when it is forgotten. Safe from any thread. */
    public String callOf(long number) {
        return history.describe(number);
    }

    /** Says of how many elements, and in which blocks, the call is that {@link #begin} began. */
    public void describe(long count, long shape) {
        call.count(count, shape);
        history.add(sequence, signature, count, shape);
    }

    /** Opens lanes to these ranks that are not open yet, all at once, and proves each by a record that is read back. */
    public void open(List<Integer> ranks, LaneStream stream) throws CollectiveException {
        @Nullable Lane[] open = stream == LaneStream.MAIL ? mailboxes : lanes;
        List<Integer> missing = ranks.stream()
                .filter(rank -> rank != self.rank() && open[rank] == null)
                .distinct()
                .toList();
        if (missing.isEmpty()) {
            return;
        }
        List<LaneDialer.Far> ends;
        try {
            ends = dialer.dial(missing, stream, layout.slots(), layout.slotBytes());
        } catch (CollectiveException e) {
            if (hasDeparted(missing, stream)) {
                return;
            }
            throw giveUp(e.code(), "no lanes to every rank: " + e.getMessage());
        }
        for (int i = 0; i < missing.size(); i++) {
            int rank = missing.get(i);
            LaneDialer.Far far = ends.get(i);
            Inbox inbox = memory.inbox(rank, stream, layout);
            Outbox outbox = new Outbox(far.peer(), far.lane(), layout, self.epoch(), memory.agent(), timeout);
            try {
                outbox.prove(self.rank() + 1L);
            } catch (TransferException e) {
                outbox.close();
                if (hasDeparted(List.of(rank), stream)) {
                    continue;
                }
                throw giveUp(
                        LinkHealth.codeOf(e),
                        health.describe(rank)
                                + " is not reached: no word that was written to it could be read back over "
                                + far.peer().paths() + ": " + e.getMessage());
            }
            open[rank] = new Lane(rank, inbox, outbox, stream);
        }
    }

    /** A rank may send, and leave before this one looks: its messages are here, and a lane of one direction is enough for them. */
    private boolean hasDeparted(List<Integer> ranks, LaneStream stream) {
        int rank = ranks.get(0);
        Inbox inbox = memory.inbox(rank, stream, layout);
        if (ranks.size() > 1 || !inbox.hasLeft()) {
            return false;
        }
        DepartedPeer peer = new DepartedPeer(health.describe(rank));
        Outbox outbox = new Outbox(peer, inbox.region().descriptor(), layout, self.epoch(), memory.agent(), timeout);
        (stream == LaneStream.MAIL ? mailboxes : lanes)[rank] = new Lane(rank, inbox, outbox, stream);
        return true;
    }

    private Lane lane(int rank, LaneStream stream) throws CollectiveException {
        @Nullable Lane[] open = stream == LaneStream.MAIL ? mailboxes : lanes;
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
        Lane lane = lane(rank, LaneStream.COLLECTIVE);
        wait.await(lane, Lane.Awaited.ROOM, doing);
        source.copyTo(from, lane.outbox().next(source.type()), 0, count);
        lane.outbox().post(call, count * source.type().sizeBytes(), 0);
    }

    /** Sends a message without elements. */
    void signal(int rank) throws CollectiveException {
        Lane lane = lane(rank, LaneStream.COLLECTIVE);
        wait.await(lane, Lane.Awaited.ROOM, doing);
        lane.outbox().post(call, 0, 0);
    }

    /** Waits for the next message of that rank; it stays until {@link #release}. */
    Elements receive(int rank, DataType type, int count) throws CollectiveException {
        Lane lane = lane(rank, LaneStream.COLLECTIVE);
        Elements payload = arrival(rank, lane, type);
        if (lane.inbox().payloadBytes() != count * type.sizeBytes()) {
            throw giveUp(
                    Code.DESYNC,
                    health.describe(rank) + " is at " + lane.inbox().describeCall() + " and sends rank " + self.rank()
                            + " "
                            + type.label() + "[" + lane.inbox().payloadBytes() / type.sizeBytes() + "], we are at "
                            + call
                            + " and await " + type.label() + "[" + count + "]" + health.foundBy()
                            + ". Each pair of ranks must agree how many elements one sends to the other");
        }
        return payload;
    }

    private Elements arrival(int rank, Lane lane, DataType type) throws CollectiveException {
        wait.await(lane, Lane.Awaited.MESSAGE, doing);
        if (!call.isAt(lane.inbox())) {
            throw giveUp(Code.DESYNC, differs(rank, lane.inbox()));
        }
        return lane.inbox().payload(type);
    }

    /** Compares the calls of the lower number, which is where the two ranks parted. */
    private String differs(int rank, Inbox inbox) {
        long number = Math.min(inbox.callNumber(), sequence);
        String theirs =
                number == inbox.callNumber() ? inbox.describeCall() : LinkHealth.answer(dialer.callOf(rank, number));
        String ours = callOf(number);
        return health.differs(
                rank, theirs.isEmpty() ? inbox.describeCall() : theirs, ours.isEmpty() ? call.toString() : ours);
    }

    /** Waits for a message of that rank that has no elements, and is done with it. */
    void awaitSignal(int rank) throws CollectiveException {
        Lane lane = lane(rank, LaneStream.COLLECTIVE);
        Elements unused = arrival(rank, lane, DataType.INT8);
        lane.release();
    }

    /** Is done with the message of that rank. */
    void release(int rank) throws CollectiveException {
        lane(rank, LaneStream.COLLECTIVE).release();
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
                health.describe(rank) + " is at " + sent + " to rank " + self.rank() + ", we are at " + mailText
                        + health.foundBy() + ". Both ranks must name the same type and count");
    }

    /** Sends one message of a piece. */
    void post(int rank, Elements source, long from, int count, int tag) throws CollectiveException {
        Lane lane = lane(rank, LaneStream.MAIL);
        wait.await(lane, Lane.Awaited.ROOM, doing);
        source.copyTo(from, lane.outbox().next(source.type()), 0, count);
        lane.outbox().post(mail, count * source.type().sizeBytes(), tag);
    }

    /** Waits for the next message of that rank's mail, which stays until {@link #fetched}. */
    Inbox fetch(int rank) throws CollectiveException {
        Lane lane = lane(rank, LaneStream.MAIL);
        wait.await(lane, Lane.Awaited.MESSAGE, doing);
        return lane.inbox();
    }

    /** Is done with the message of that rank's mail. */
    void fetched(int rank) throws CollectiveException {
        lane(rank, LaneStream.MAIL).release();
    }

    // ---- failure

    /** Throws what broke the communicator, here or elsewhere. */
    public void throwIfBroken() throws CollectiveException {
        health.throwIfBroken(departed, call);
    }

    private boolean hasLeft(int rank) {
        Lane lane = lanes[rank];
        return lane != null && lane.inbox().hasLeft();
    }

    /** Tells that a rank's process is known to be gone; the next wait for anybody, or the next call, ends with that. */
    public void peerLost(int rank, String reason) {
        health.lost(rank, reason);
    }

    /** Tells why another rank, or another part of this one's fabric, broke the communicator. */
    public void broken(Verdict known) {
        health.broken(known);
    }

    /** Breaks the communicator on every rank and returns its verdict, which is an earlier one where there is one. */
    public CollectiveException giveUp(Code code, String reason) {
        return health.giveUp(code, reason);
    }

    /** Leaves: waits until what was sent has arrived, tells the others unless they are told why it broke, and gives all memory back. Once only. */
    @Override
    public void close() {
        List<Lane> all = new ArrayList<>();
        for (int rank = 0; rank < self.size(); rank++) {
            for (Lane lane : new @Nullable Lane[] {lanes[rank], mailboxes[rank]}) {
                if (lane != null) {
                    // Who is told first that this rank left, and then why, would blame it for leaving.
                    if (!health.isBroken()) {
                        lane.outbox().standAt(call);
                        lane.outbox().leave();
                    }
                    all.add(lane);
                }
            }
        }
        long startNanos = System.nanoTime();
        long limitNanos = !health.isBroken() ? Math.min(MAX_LEAVE_NANOS, timeout.toNanos()) : LEAVE_PARK_NANOS;
        while (System.nanoTime() - startNanos < limitNanos
                && !all.stream().allMatch(lane -> lane.outbox().isIdle())) {
            LockSupport.parkNanos(this, LEAVE_PARK_NANOS);
        }
        memory.close();
        all.forEach(lane -> lane.outbox().close());
    }
}
