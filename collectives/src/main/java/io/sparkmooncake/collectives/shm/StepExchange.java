// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.shm;

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
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Steps that all ranks of a host take together. Before a step each rank fills its window; in it, it waits for all others; after
 * it, it reads their windows until its next step. The two windows alternate, so whoever fills the next one overwrites nothing
 * that is still being read. A step in place fills none: after it, ranks read what was written into the same windows since the
 * step before.
 *
 * <p>No wait is longer than the timeout, and each ends early when a rank left, is known to be lost or broke the communicator, or
 * when this thread is interrupted. The first rank that gives up writes the verdict; all others throw the same.
 *
 * <p>Threading: {@link #peerLost} and {@link #giveUp} are safe from any thread, the rest is for the rank's own. Nothing may run
 * beside or after {@link #close} but {@link #peerLost}.
 */
public final class StepExchange implements AutoCloseable {
    /** About 10 µs: longer than ranks drift apart in most steps, and short enough where two of them share a core. */
    private static final int SPINS = 400;

    private static final long YIELD_NANOS = 1_000_000;
    private static final long MIN_PARK_NANOS = 50_000;
    private static final long MAX_PARK_NANOS = 1_000_000;

    /** Who has waited for long looks less often: a thousand ranks that look every millisecond keep a host busy. */
    private static final long MAX_LONG_PARK_NANOS = 100_000_000;

    private static final int WAITED_TO_PARK = 32;
    private static final long VERDICT_WAIT_NANOS = 1_000_000_000;

    private final Membership self;
    private final RankSegment[] segments;
    private final List<String> names;
    private final Duration timeout;
    private final int spins;
    private long waitNanos;
    private long phase;

    /** Steps that showed windows; the others let ranks see what they wrote into each other's. */
    private long turn;

    private long calls;
    private long sequence;
    private long signature;
    private long count;
    private long shape;
    private boolean callChecked;
    private boolean nested;
    private boolean nestWritten;
    private final Court court;
    private volatile @Nullable Verdict failure;
    private final AtomicReferenceArray<@Nullable String> losses;
    private volatile boolean lossKnown;

    /**
     * Takes the segments over.
     *
     * @param segments of all ranks in order, this one's included
     * @param names of all ranks in order, for errors: {@code rank 3 (10.0.0.7:40213)}; they do not change
     * @param timeout of one wait for one step
     */
    public StepExchange(Membership self, List<RankSegment> segments, List<String> names, Duration timeout) {
        this(self, segments, names, timeout, Court.NONE);
    }

    /** As the other one, of ranks that belong to a communicator of several hosts, which agree before a court why it broke. */
    public StepExchange(
            Membership self, List<RankSegment> segments, List<String> names, Duration timeout, Court court) {
        this.self = self;
        this.segments = segments.toArray(RankSegment[]::new);
        this.names = names;
        this.court = court;
        this.timeout = timeout;
        this.losses = new AtomicReferenceArray<>(segments.size());
        this.waitNanos = timeout.toNanos();
        // A rank that spins while another one waits for the core delays both.
        this.spins = self.size() <= Runtime.getRuntime().availableProcessors() ? SPINS : 0;
    }

    /** Returns this rank's place. */
    public Membership self() {
        return self;
    }

    /** Makes the first call, and returns once every rank is here; waits for each for at most this long. */
    public void meet(Duration patience) throws CollectiveException {
        patience(patience);
        begin(Operation.JOIN, null, null, -1, self.size(), 0);
        step();
        patience(timeout);
    }

    /** Lets each wait last as long as the exchange was made with. */
    public void resetPatience() {
        patience(timeout);
    }

    /** Says how long each wait lasts from now on. */
    public void patience(Duration limit) {
        waitNanos = limit.toNanos();
    }

    /**
     * Begins a call; its first step compares it with those of the others.
     *
     * @param root −1 where there is none
     * @param elements that the call says it is about
     * @param blocks their shape, 0 where there are none
     */
    public void begin(
            Operation operation, @Nullable DataType type, @Nullable ReduceOp op, int root, long elements, long blocks)
            throws CollectiveException {
        throwIfBroken();
        if (nested) {
            writeNest();
            return;
        }
        calls++;
        sequence++;
        signature = Call.signature(operation, type, op, root);
        count = elements;
        shape = blocks;
        callChecked = false;
        segments[self.rank()].writeCall(calls, sequence, signature, count, shape);
    }

    /** Begins a call of which those that follow are parts: they are compared as this one, until the next one begins. */
    public void beginNest(Operation operation, @Nullable DataType type, @Nullable ReduceOp op, int root)
            throws CollectiveException {
        throwIfBroken();
        sequence++;
        signature = Call.signature(operation, type, op, root);
        nested = true;
        nestWritten = false;
    }

    /** Says of how many elements, and in which blocks, the call is that {@link #beginNest} began. */
    public void describeNest(long elements, long blocks) {
        count = elements;
        shape = blocks;
    }

    /** Says what this rank calls with the first part that has steps: calls without are not compared here, and take no place. */
    private void writeNest() {
        if (!nestWritten) {
            nestWritten = true;
            calls++;
            callChecked = false;
            segments[self.rank()].writeCall(calls, sequence, signature, count, shape);
        }
    }

    /** Returns this rank's window to fill before the next step. */
    public Elements nextWindow(DataType type) {
        return segments[self.rank()].window(turn + 1, type);
    }

    /** Returns how often the next window was this rank's before; the same on all ranks. */
    public long nextTurn() {
        return (turn + 1) >>> 1;
    }

    /**
     * Returns a rank's window as it was when it arrived at the latest {@link #step}; for reading, until the next step. A stretch that
     * one rank alone reads may be written by that rank, for all to read after {@link #stepInPlace}.
     */
    public Elements window(int rank, DataType type) {
        return segments[rank].window(turn, type);
    }

    /** Puts two numbers into this rank's window, from a number of it on. */
    public void nextNumbers(int at, long first, long second) {
        segments[self.rank()].putNumber(turn + 1, at, first);
        segments[self.rank()].putNumber(turn + 1, at + 1, second);
    }

    /** Returns a number of a rank's window as it was when it arrived at the latest step. */
    public long number(int rank, int at) {
        return segments[rank].number(turn, at);
    }

    /** Returns the mailbox of a rank for another one. */
    Mailbox mailbox(int owner, int other) {
        return segments[owner].mailbox(other);
    }

    boolean hasLeft(int rank) {
        return segments[rank].hasLeft();
    }

    long timeoutNanos() {
        return timeout.toNanos();
    }

    /** Arrives at the next step, with the window that was filled, and waits for all others. */
    public void step() throws CollectiveException {
        turn++;
        stepInPlace();
    }

    /** Arrives at the next step and waits for all others; windows stay those of the step before. */
    public void stepInPlace() throws CollectiveException {
        phase++;
        segments[self.rank()].arrive(phase);
        for (int i = 1; i < segments.length; i++) {
            int other = (self.rank() + i) % segments.length;
            await(other);
            if (!callChecked && !segments[other].isAtCall(calls, sequence, signature, count, shape)) {
                throw giveUp(Code.DESYNC, differs(other));
            }
        }
        callChecked = true;
    }

    private void await(int other) throws CollectiveException {
        RankSegment segment = segments[other];
        for (int i = 0; i <= spins; i++) {
            if (segment.phase() >= phase) {
                return;
            }
            Thread.onSpinWait();
        }
        long startNanos = System.nanoTime();
        long parkNanos = MIN_PARK_NANOS;
        while (segment.phase() < phase) {
            long waitedNanos = System.nanoTime() - startNanos;
            throwIfHopeless(other, waitedNanos);
            if (waitedNanos < YIELD_NANOS) {
                yieldCore();
            } else {
                LockSupport.parkNanos(this, parkNanos);
                long longest = Math.min(MAX_LONG_PARK_NANOS, Math.max(MAX_PARK_NANOS, waitedNanos / WAITED_TO_PARK));
                parkNanos = Math.min(longest, parkNanos * 2);
            }
        }
    }

    @SuppressWarnings(
            "ThreadPriorityCheck") // a rank that shares its core must let the awaited one run; parking costs 50 µs
    static void yieldCore() {
        Thread.yield();
    }

    private void throwIfHopeless(int other, long waitedNanos) throws CollectiveException {
        throwIfBroken();
        if (Thread.currentThread().isInterrupted()) {
            throw giveUp(Code.INTERRUPTED, describe(self.rank()) + " was interrupted in " + ownCall());
        }
        // The rank may have arrived before it left: its phase counts, and is read after its state.
        if (segments[other].hasLeft() && segments[other].phase() < phase) {
            throw giveUp(
                    Code.DESYNC,
                    describe(other) + " left after " + segments[other].describeCall() + ", we are at " + ownCall()
                            + foundBy());
        }
        if (waitedNanos >= waitNanos) {
            throw giveUp(Code.TIMED_OUT, isSilent(other));
        }
    }

    private String isSilent(int other) {
        return String.format(
                Locale.ROOT,
                "%s did not come to %s within %.1f s: it is at %s phase=%d, awaited phase=%d%s. Check that its task runs: a"
                        + " thread dump of its executor shows where it is",
                describe(other),
                ownCall(),
                waitNanos / 1e9,
                segments[other].describeCall(),
                segments[other].phase(),
                phase,
                foundBy());
    }

    private String differs(int other) {
        return describe(other) + " is at " + segments[other].describeCall() + ", we are at " + ownCall() + foundBy()
                + ". All ranks must call the same operations in the same order, with the same type, count, blocks and root";
    }

    private String ownCall() {
        return Call.describe(sequence, signature, count, shape);
    }

    private String foundBy() {
        return "; found by " + describe(self.rank());
    }

    /** Returns what a rank called latest, for an error. */
    public String describeCall(int rank) {
        return segments[rank].describeCall();
    }

    /** Returns a rank and its address, for an error. */
    public String describe(int rank) {
        return names.get(rank);
    }

    /** Throws what broke the communicator, here or elsewhere. */
    public void throwIfBroken() throws CollectiveException {
        Verdict known = failure;
        if (known != null) {
            throw known.exception();
        }
        if (segments[0].verdict() != 0) {
            throw giveUp(Code.ABORTED, "a rank broke the communicator and ended before it said why" + foundBy());
        }
        if (lossKnown) {
            throwIfLost();
        }
    }

    /** A process that ends after its rank has left is no loss. */
    private void throwIfLost() throws CollectiveException {
        for (int rank = 0; rank < segments.length; rank++) {
            String reason = losses.get(rank);
            if (reason != null && !segments[rank].hasLeft()) {
                throw giveUp(Code.RANK_LOST, describe(rank) + " is lost: " + reason + foundBy());
            }
        }
    }

    /** Tells that a rank's process is known to be gone; the next wait for anybody, or the next call, ends with that. */
    public void peerLost(int rank, String reason) {
        losses.set(rank, reason);
        lossKnown = true;
    }

    /** Breaks the communicator and returns its verdict, which is an earlier one where there is one. */
    public CollectiveException giveUp(Code code, String reason) {
        String text = "communicator=" + self.communicator() + " epoch=" + self.epoch() + ": " + reason;
        Verdict own = court.settle(new Verdict(code, text));
        segments[0].writeVerdict(self.rank(), own.encode());
        // A rank that died while it wrote the verdict leaves it unwritten for ever.
        long startNanos = System.nanoTime();
        while (segments[0].verdict() > 0 && System.nanoTime() - startNanos < VERDICT_WAIT_NANOS) {
            Thread.onSpinWait();
        }
        Verdict known = remember(own);
        court.spread(known);
        return known.exception();
    }

    private synchronized Verdict remember(Verdict own) {
        Verdict known = failure;
        if (known == null) {
            boolean written = segments[0].verdict() == SegmentLayout.VERDICT_WRITTEN;
            known = written ? Verdict.decode(segments[0].verdictText()) : own;
            failure = known;
        }
        return known;
    }

    /** Tells why another host broke the communicator. Safe from any thread, also after {@link #close}. */
    public synchronized void broken(Verdict known) {
        if (failure == null) {
            failure = known;
        }
    }

    /** Leaves, and unmaps every segment. Once only. */
    @Override
    public void close() {
        segments[self.rank()].leave();
        for (RankSegment segment : segments) {
            segment.close();
        }
    }
}
