// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import io.sparkmooncake.transfer.TransferOutcome.Status;
import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Requests that travel together: one batch is one submission, and over a network one message each way, however many small
 * requests it holds. Requests are columns of primitives, not objects.
 *
 * <p>Life: the caller adds requests, submits the batch once through {@link Peer#submit}, and then polls {@link #isDone} or
 * waits on {@link #completion}. The batch holds a count on every local region from submission until it is done, so a caller
 * may release its own count at any time. Once {@link #completion} is done, no transport touches the local memory any more;
 * this also holds after a time-out or {@link #cancel}.
 *
 * <p>Threading: filled by one thread; after submission every method is safe from any thread.
 */
public final class TransferBatch {
    private final Opcode opcode;
    private final Duration timeout;
    private final List<MemoryRegion> locals = new ArrayList<>();
    private final List<RegionDescriptor> remotes = new ArrayList<>();
    private long[] localOffsets = new long[8];
    private long[] remoteOffsets = new long[8];
    private long[] lengths = new long[8];
    private int count;
    private long totalBytes;
    private long deadlineNanos;
    private boolean submitted;
    private @Nullable AtomicReferenceArray<TransferOutcome> outcomes;
    private final AtomicInteger unfinished = new AtomicInteger();
    private final AtomicBoolean cancelled = new AtomicBoolean();
    private final CompletableFuture<Void> cancellation = new CompletableFuture<>();
    private final CompletableFuture<TransferBatch> completion = new CompletableFuture<>();
    private Runnable onEnd = () -> {};

    /**
     * Creates an empty batch.
     *
     * @param opcode direction of every request
     * @param timeout time without progress after which requests that are not terminal fail as timed out: nothing moved on the
     *     link that carries them. A batch that still moves, or waits behind others that do, is never late
     */
    public TransferBatch(Opcode opcode, Duration timeout) {
        this.opcode = Objects.requireNonNull(opcode, "opcode");
        if (timeout.isNegative() || timeout.isZero()) {
            throw new IllegalArgumentException("timeout=" + timeout + " must be positive");
        }
        this.timeout = timeout;
    }

    /**
     * Adds one request and returns its index. Lengths of zero are allowed and complete without a transfer; bounds of the
     * remote side are the owner's to check.
     */
    public int add(MemoryRegion local, long localOffset, RegionDescriptor remote, long remoteOffset, long length) {
        if (submitted) {
            throw new IllegalStateException("a submitted batch takes no more requests");
        }
        if (length < 0 || localOffset < 0 || localOffset > local.sizeBytes() - length) {
            throw new IndexOutOfBoundsException("local offset=" + localOffset + " length=" + length
                    + " beyond region of " + local.sizeBytes() + " bytes");
        }
        if (count == lengths.length) {
            int capacity = count * 2;
            localOffsets = Arrays.copyOf(localOffsets, capacity);
            remoteOffsets = Arrays.copyOf(remoteOffsets, capacity);
            lengths = Arrays.copyOf(lengths, capacity);
        }
        locals.add(local);
        remotes.add(remote);
        localOffsets[count] = localOffset;
        remoteOffsets[count] = remoteOffset;
        lengths[count] = length;
        totalBytes += length;
        return count++;
    }

    /** Returns the direction of every request. */
    public Opcode opcode() {
        return opcode;
    }

    /** Returns the number of requests. */
    public int count() {
        return count;
    }

    /** Returns the sum of all lengths. */
    public long totalBytes() {
        return totalBytes;
    }

    /** Returns the local memory of request {@code index}. */
    public MemoryRegion local(int index) {
        return locals.get(index);
    }

    /** Returns the remote memory of request {@code index}. */
    public RegionDescriptor remote(int index) {
        return remotes.get(index);
    }

    /** Returns the offset into the local region of request {@code index}. */
    public long localOffset(int index) {
        return localOffsets[index];
    }

    /** Returns the offset into the remote region of request {@code index}. */
    public long remoteOffset(int index) {
        return remoteOffsets[index];
    }

    /** Returns the length in bytes of request {@code index}. */
    public long length(int index) {
        return lengths[index];
    }

    /** Returns when the timeout ends if nothing moves from submission on, on the scale of {@link System#nanoTime}. */
    public long deadlineNanos() {
        return deadlineNanos;
    }

    /** Returns the time that may pass without progress. */
    public Duration timeout() {
        return timeout;
    }

    /** Tells whether every request is terminal. */
    public boolean isDone() {
        return completion.isDone();
    }

    /** Completes, never exceptionally, when every request is terminal and the local memory is the caller's again. */
    public CompletableFuture<TransferBatch> completion() {
        return completion;
    }

    /** Asks that unfinished requests end as cancelled; {@link #completion} tells when they have. */
    public void cancel() {
        if (cancelled.compareAndSet(false, true)) {
            cancellation.complete(null);
        }
    }

    /** Returns where request {@code index} stands. */
    public TransferOutcome outcome(int index) {
        AtomicReferenceArray<TransferOutcome> known = outcomes;
        TransferOutcome outcome = known == null ? null : known.get(index);
        return outcome == null ? new TransferOutcome(Status.WAITING, 0, Optional.empty()) : outcome;
    }

    /** Returns the first failure in request order, if any request failed. */
    public Optional<TransferException> firstFailure() {
        for (int i = 0; i < count; i++) {
            TransferOutcome outcome = outcome(i);
            if (outcome.failure().isPresent()) {
                return outcome.failure();
            }
        }
        return Optional.empty();
    }

    // ---- for the engine and transports ----

    /** Engine: marks the batch submitted, takes a count on every local region and starts the clock. Once only. */
    public void begin() {
        begin(() -> {});
    }

    /** Engine: {@link #begin()}; {@code onEnd} runs once every request is terminal, before anybody is told. */
    public void begin(Runnable onEnd) {
        if (submitted) {
            throw new IllegalStateException("a batch is submitted once");
        }
        submitted = true;
        this.onEnd = onEnd;
        deadlineNanos = System.nanoTime() + timeout.toNanos();
        outcomes = new AtomicReferenceArray<>(count);
        unfinished.set(count);
        retainLocals();
        if (count == 0) {
            end();
        }
    }

    private void retainLocals() {
        int retained = 0;
        try {
            for (; retained < count; retained++) {
                locals.get(retained).retain();
            }
        } catch (RuntimeException e) {
            locals.subList(0, retained).forEach(MemoryRegion::release);
            throw e;
        }
    }

    /** Transport: completes when the caller cancelled. */
    public CompletableFuture<Void> cancellation() {
        return cancellation;
    }

    /** Transport: request {@code index} is done and all its bytes are in place. Later reports about it are ignored. */
    public void complete(int index) {
        finish(index, new TransferOutcome(Status.COMPLETED, lengths[index], Optional.empty()));
    }

    /** Transport: request {@code index} failed and its local memory is not touched any more. */
    public void fail(int index, long bytes, TransferException failure) {
        finish(index, new TransferOutcome(Status.FAILED, bytes, Optional.of(failure)));
    }

    /** Transport: every request that is not terminal failed, and no local memory is touched any more. */
    public void failUnfinished(TransferException failure) {
        for (int i = 0; i < count; i++) {
            if (outcome(i).status() == Status.WAITING) {
                fail(i, 0, failure);
            }
        }
    }

    private void finish(int index, TransferOutcome outcome) {
        AtomicReferenceArray<TransferOutcome> known = Objects.requireNonNull(outcomes, "batch not submitted");
        if (known.compareAndSet(index, null, outcome)) {
            locals.get(index).release();
            if (unfinished.decrementAndGet() == 0) {
                end();
            }
        }
    }

    private void end() {
        onEnd.run();
        completion.complete(this);
    }
}
