// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.Regions;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The sender's end of a lane. Each message is a WRITE of its own, several of them under way; the words (credit, left) are
 * WRITEs of which only one is under way, because batches may land in another order than they were submitted in.
 *
 * <p>Threading: the rank's thread fills and posts; batches end on the transports' threads, which send what waits for them.
 */
final class Outbox implements AutoCloseable {
    private static final Duration RETRY = Duration.ofMillis(1);

    private final Peer peer;
    private final RegionDescriptor remote;
    private final LaneLayout layout;
    private final long epoch;
    private final Agent agent;
    private final Duration timeout;
    private final HostRegion local;
    private final ByteBuffer words;
    private final Slot[] slots;
    private final long[] done;
    private long posted;

    @GuardedBy("this")
    private long submitted;

    @GuardedBy("this")
    private long wanted;

    @GuardedBy("this")
    private long credit;

    @GuardedBy("this")
    private long credited;

    @GuardedBy("this")
    private boolean leaving;

    @GuardedBy("this")
    private boolean left;

    @GuardedBy("this")
    private boolean wordsUnderWay;

    @GuardedBy("this")
    private boolean closed;

    private volatile long completed;
    private volatile @Nullable TransferException failure;

    /**
     * Takes memory for the messages.
     *
     * @param remote the lane's region at the peer
     * @param agent whose timer tries again what the peer was too busy for
     * @param timeout of each transfer
     */
    Outbox(Peer peer, RegionDescriptor remote, LaneLayout layout, long epoch, Agent agent, Duration timeout) {
        this.peer = peer;
        this.remote = remote;
        this.layout = layout;
        this.epoch = epoch;
        this.agent = agent;
        this.timeout = timeout;
        this.local = Regions.allocate(layout.sizeBytes());
        this.words = local.slice(0, LaneLayout.SLOTS_AT);
        this.slots = Slot.of(layout, local.slice(0, Math.toIntExact(layout.sizeBytes())));
        this.done = new long[layout.slots()];
    }

    Peer peer() {
        return peer;
    }

    /** Returns why a transfer failed, null while none has. */
    @Nullable
    TransferException failure() {
        return failure;
    }

    /** Writes a record to the lane, reads it back and compares. Before the first message. */
    void prove(long number) throws TransferException {
        words.putLong(LaneLayout.PROOF_AT, epoch);
        words.putLong(LaneLayout.PROOF_AT + Long.BYTES, number);
        words.putLong(LaneLayout.PROOF_SEAL_AT, LaneLayout.seal(words, LaneLayout.PROOF_AT, LaneLayout.PROOF_SEAL_AT));
        move(Opcode.WRITE, LaneLayout.PROOF_AT);
        move(Opcode.READ, LaneLayout.READ_BACK_AT);
        ByteBuffer written = words.slice(LaneLayout.PROOF_AT, LaneLayout.PROOF_BYTES);
        ByteBuffer readBack = words.slice(LaneLayout.READ_BACK_AT, LaneLayout.PROOF_BYTES);
        if (!written.equals(readBack)) {
            throw new TransferException(
                    TransferException.Code.UNREACHABLE,
                    "wrote epoch=" + epoch + " number=" + number + " and read back epoch="
                            + words.getLong(LaneLayout.READ_BACK_AT) + " number="
                            + words.getLong(LaneLayout.READ_BACK_AT + Long.BYTES)
                            + ": the path reaches other memory than the peer's");
        }
    }

    private void move(Opcode opcode, int localAt) throws TransferException {
        TransferBatch batch = new TransferBatch(opcode, timeout);
        batch.add(local, localAt, remote, LaneLayout.PROOF_AT, LaneLayout.PROOF_BYTES);
        long startNanos = System.nanoTime();
        while (peer.submit(batch) == Peer.Submission.BUSY) {
            if (System.nanoTime() - startNanos > timeout.toNanos()) {
                throw new TransferException(
                        TransferException.Code.TIMED_OUT, "other transfers kept the peer busy for " + timeout);
            }
            LockSupport.parkNanos(this, RETRY.toNanos());
        }
        try {
            TransferBatch ended = batch.completion().get(2 * timeout.toMillis(), TimeUnit.MILLISECONDS);
            if (ended.firstFailure().isPresent()) {
                throw ended.firstFailure().get();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new TransferException(TransferException.Code.CANCELLED, "interrupted while a path was proved", e);
        } catch (ExecutionException | TimeoutException e) {
            throw new TransferException(TransferException.Code.TIMED_OUT, "a transfer did not end: " + e, e);
        }
    }

    /** Tells whether the next message has a slot. */
    boolean hasRoom(long creditOfPeer) {
        long reused = posted + 1 - layout.slots();
        return reused <= creditOfPeer && reused <= completed;
    }

    /** Returns the slot of the next message to fill. */
    Elements next(DataType type) {
        return slots[layout.slot(posted + 1)].payload(type);
    }

    /** Sends the next message, whose payload was filled. */
    void post(LinkCall call, int payloadBytes, int tag) {
        long sequence = ++posted;
        ByteBuffer message = slots[layout.slot(sequence)].bytes();
        message.putLong(LaneLayout.EPOCH_AT, epoch);
        message.putLong(LaneLayout.SEQUENCE_AT, sequence);
        call.writeTo(message, LaneLayout.HEAD_CALL_AT);
        message.putInt(LaneLayout.PAYLOAD_BYTES_AT, payloadBytes);
        message.putInt(LaneLayout.TAG_AT, tag);
        message.putLong(LaneLayout.HEAD_SEAL_AT, LaneLayout.seal(message, 0, LaneLayout.HEAD_SEAL_AT));
        synchronized (this) {
            wanted = sequence;
        }
        send();
    }

    private void send() {
        while (failure == null) {
            TransferBatch batch;
            long sequence;
            synchronized (this) {
                if (closed || submitted == wanted) {
                    return;
                }
                batch = new TransferBatch(Opcode.WRITE, timeout);
                sequence = submitted + 1;
                ByteBuffer message = slots[layout.slot(sequence)].bytes();
                int at = layout.slotAt(sequence);
                int payload = at + LaneLayout.HEAD_BYTES;
                // In this order: the head announces what landed before it.
                batch.add(local, payload, remote, payload, message.getInt(LaneLayout.PAYLOAD_BYTES_AT));
                batch.add(local, at, remote, at, LaneLayout.HEAD_BYTES);
                if (peer.submit(batch) == Peer.Submission.BUSY) {
                    later(this::send);
                    return;
                }
                submitted = sequence;
            }
            var unused = batch.completion().thenAccept(ended -> ended(sequence, ended));
        }
    }

    private void ended(long sequence, TransferBatch batch) {
        batch.firstFailure().ifPresent(this::fail);
        synchronized (this) {
            if (closed) {
                return;
            }
            done[layout.slot(sequence)] = sequence;
            long through = completed;
            while (done[layout.slot(through + 1)] == through + 1) {
                through++;
            }
            completed = through;
        }
        send();
    }

    private synchronized void fail(TransferException cause) {
        if (failure == null) {
            failure = cause;
        }
    }

    /** Tells the peer with the next words how many of its messages this rank is done with. */
    void credit(long messages) {
        synchronized (this) {
            credit = messages;
        }
        sendWords();
    }

    /** Tells the peer that this rank sends no more. */
    void leave() {
        synchronized (this) {
            leaving = true;
        }
        sendWords();
    }

    private void sendWords() {
        TransferBatch batch;
        synchronized (this) {
            boolean due = credit - credited >= layout.slots() / 2 || leaving != left;
            if (closed || wordsUnderWay || failure != null || !due) {
                return;
            }
            batch = new TransferBatch(Opcode.WRITE, timeout);
            words.putLong(LaneLayout.EPOCH_AT, epoch);
            words.putLong(LaneLayout.CREDIT_AT, credit);
            words.putLong(LaneLayout.LEFT_AT, leaving ? 1 + wanted : 0);
            words.putLong(LaneLayout.STANDING_SEAL_AT, LaneLayout.seal(words, 0, LaneLayout.STANDING_SEAL_AT));
            batch.add(local, 0, remote, 0, LaneLayout.STANDING_BYTES);
            if (peer.submit(batch) == Peer.Submission.BUSY) {
                later(this::sendWords);
                return;
            }
            wordsUnderWay = true;
            credited = credit;
            left = leaving;
        }
        var unused = batch.completion().thenAccept(this::wordsEnded);
    }

    private void wordsEnded(TransferBatch batch) {
        // A rank that left has taken its lane back, and needs no words any more.
        batch.firstFailure()
                .filter(cause -> cause.code() != TransferException.Code.REFUSED)
                .ifPresent(this::fail);
        synchronized (this) {
            wordsUnderWay = false;
        }
        sendWords();
    }

    private void later(Runnable action) {
        try {
            agent.after(RETRY, action);
        } catch (RejectedExecutionException e) {
            fail(new TransferException(TransferException.Code.CLOSED, "this process is ending", e));
        }
    }

    /** Returns whether nothing is under way or waiting any more. */
    synchronized boolean isIdle() {
        return failure != null || (completed == wanted && !wordsUnderWay && left == leaving);
    }

    /** Gives the memory back; transfers under way keep it until they end, and nobody else touches it any more. Once only. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        local.release();
    }

    /** Writes the call that the rank is at into the words. */
    void standAt(LinkCall call) {
        synchronized (this) {
            if (!wordsUnderWay) {
                call.writeTo(words, LaneLayout.CALL_AT);
            }
        }
    }
}
