// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.util.concurrent.Future;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
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
    private @Nullable Future<?> deadline;
    private @Nullable TransferException ending;
    private int queuedRuns;

    /**
     * Follows a batch that was begun.
     *
     * @param settled told when an ending batch failed because its last bytes left the queue
     */
    LinkBatch(TransferBatch batch, Consumer<LinkBatch> settled) {
        this.batch = batch;
        this.settled = settled;
    }

    TransferBatch batch() {
        return batch;
    }

    void watch(Future<?> timer) {
        deadline = timer;
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
        if (deadline != null) {
            deadline.cancel(false);
            deadline = null;
        }
        return true;
    }
}
