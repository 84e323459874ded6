// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.util.concurrent.Future;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.agent.Silence;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A batch under way on one link.
 *
 * <p>Threading: the connection's event loop.
 */
final class LinkBatch {
    private final TransferBatch batch;
    private final Consumer<LinkBatch> settled;
    private final Silence silence;
    private long movement;
    private @Nullable Future<?> looks;
    private @Nullable TransferException ending;
    private int queuedRuns;

    /**
     * Follows a batch that was begun.
     *
     * @param settled receives the batch when it was ending and failed because its last bytes left the queue
     */
    LinkBatch(TransferBatch batch, long nowNanos, Consumer<LinkBatch> settled) {
        this.silence = new Silence(batch.timeout(), nowNanos);
        this.batch = batch;
        this.settled = settled;
    }

    TransferBatch batch() {
        return batch;
    }

    /** Returns the time between two looks at this batch. */
    long lookNanos() {
        return silence.everyNanos();
    }

    void watch(Future<?> timer) {
        looks = timer;
    }

    /**
     * One look: whether nothing moved on the link for the time that the batch allows. A batch that waits behind others is not late
     * while their bytes move.
     */
    boolean isLate(long newMovement, long nowNanos) {
        if (newMovement != movement) {
            movement = newMovement;
            silence.restart(nowNanos);
            return false;
        }
        return silence.lastsAt(nowNanos);
    }

    /** Tells whether the batch was cancelled or is late: no more of its bytes are landed or sent. */
    boolean isEnding() {
        return ending != null;
    }

    /** Stops the batch for this reason; the first counts. Its requests fail once no memory of it is in use. */
    void end(TransferException reason) {
        if (ending == null) {
            ending = reason;
        }
    }

    /** A run of local bytes was handed to the socket's queue. */
    void queued() {
        queuedRuns++;
    }

    /** A run of local bytes left the queue. */
    void left() {
        queuedRuns--;
        if (queuedRuns == 0 && ending != null) {
            batch.failUnfinished(ending);
            settled.accept(this);
        }
    }

    boolean isQueued() {
        return queuedRuns > 0;
    }

    /** Fails what is unfinished, with the reason given to {@link #end} or else this one, unless bytes are still queued. */
    void failUnlessQueued(TransferException otherwise) {
        if (queuedRuns == 0) {
            batch.failUnfinished(ending == null ? otherwise : ending);
        }
    }

    /** Stops the clock if every request is terminal; true if so. */
    boolean retire() {
        if (!batch.isDone()) {
            return false;
        }
        if (looks != null) {
            looks.cancel(false);
            looks = null;
        }
        return true;
    }
}
