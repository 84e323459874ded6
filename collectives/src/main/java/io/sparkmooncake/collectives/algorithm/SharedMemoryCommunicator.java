// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.shm.Operation;
import io.sparkmooncake.collectives.shm.StepExchange;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A communicator whose ranks all share memory. Vectors that are longer than a window pass through it in chunks, so that what is
 * exchanged stays in the cache.
 *
 * <p>Threading: see {@link Communicator}. The lock tells whether an operation is under way; nobody waits for it but
 * {@link #close}, for a bounded time.
 */
public final class SharedMemoryCommunicator implements Communicator {
    private static final int CLOSE_TIMEOUT_SECONDS = 10;

    private final StepExchange exchange;
    private final Membership self;
    private final int windowBytes;
    private final RankOrder ranks;
    private final AllReduce allReduce;
    private final Runnable onClose;
    private final ReentrantLock operating = new ReentrantLock();
    private volatile boolean closed;

    /**
     * Takes an exchange over whose ranks have met.
     *
     * @param windowBytes size of one window of the exchange
     * @param onClose run once, when the communicator was closed
     */
    public SharedMemoryCommunicator(StepExchange exchange, int windowBytes, Runnable onClose) {
        this.exchange = exchange;
        this.self = exchange.self();
        this.windowBytes = windowBytes;
        this.ranks = new RankOrder(exchange, new ScalarKernel());
        this.allReduce = new AllReduce(exchange, ranks, windowBytes);
        this.onClose = onClose;
    }

    @Override
    public Membership membership() {
        return self;
    }

    @Override
    public void allReduce(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        require(source, 1, target, 1);
        enter();
        try {
            allReduce.run(source, target, op);
        } finally {
            operating.unlock();
        }
    }

    @Override
    public void reduceScatter(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        require(source, 1, target, self.size());
        enter();
        try {
            reduceBlocks(source, target, op);
        } finally {
            operating.unlock();
        }
    }

    private void reduceBlocks(Elements source, Elements target, ReduceOp op) throws CollectiveException {
        DataType type = target.type();
        int count = target.count();
        exchange.begin(Operation.REDUCE_SCATTER, type, op, -1, source.count());
        int chunk = windowBytes / type.sizeBytes() / self.size();
        int at = 0;
        do {
            int n = Math.min(chunk, count - at);
            Elements window = exchange.nextWindow(type);
            for (int rank = 0; rank < self.size(); rank++) {
                if (rank != self.rank()) {
                    source.copyTo(rank * count + at, window, rank * n, n);
                }
            }
            exchange.step();
            for (int done = 0, length; done < n; done += length) {
                length = Math.min(RankOrder.BLOCK, n - done);
                int ownAt = self.rank() * count + at + done;
                ranks.reduce(op, source, ownAt, self.rank() * n + done, length).copyTo(0, target, at + done, length);
            }
            at += n;
        } while (at < count);
    }

    @Override
    public void allGather(Elements source, Elements target) throws CollectiveException {
        require(source, self.size(), target, 1);
        enter();
        try {
            gatherBlocks(source, target);
        } finally {
            operating.unlock();
        }
    }

    private void gatherBlocks(Elements source, Elements target) throws CollectiveException {
        DataType type = source.type();
        int count = source.count();
        exchange.begin(Operation.ALL_GATHER, type, null, -1, count);
        int at = 0;
        do {
            int n = Math.min(windowBytes / type.sizeBytes(), count - at);
            source.copyTo(at, exchange.nextWindow(type), 0, n);
            exchange.step();
            for (int i = 0; i < self.size(); i++) {
                int rank = (self.rank() + i) % self.size();
                Elements block = rank == self.rank() ? source : exchange.window(rank, type);
                block.copyTo(rank == self.rank() ? at : 0, target, rank * count + at, n);
            }
            at += n;
        } while (at < count);
    }

    @Override
    public void broadcast(Elements elements, int root) throws CollectiveException {
        if (root < 0 || root >= self.size()) {
            throw new IllegalArgumentException("root=" + root + " is none of size=" + self.size() + " ranks");
        }
        enter();
        try {
            copyFrom(root, elements);
        } finally {
            operating.unlock();
        }
    }

    private void copyFrom(int root, Elements elements) throws CollectiveException {
        DataType type = elements.type();
        int count = elements.count();
        exchange.begin(Operation.BROADCAST, type, null, root, count);
        int at = 0;
        do {
            int n = Math.min(windowBytes / type.sizeBytes(), count - at);
            if (root == self.rank()) {
                elements.copyTo(at, exchange.nextWindow(type), 0, n);
            }
            exchange.step();
            if (root != self.rank()) {
                exchange.window(root, type).copyTo(0, elements, at, n);
            }
            at += n;
        } while (at < count);
    }

    @Override
    public void barrier() throws CollectiveException {
        enter();
        try {
            exchange.begin(Operation.BARRIER, null, null, -1, 0);
            exchange.step();
        } finally {
            operating.unlock();
        }
    }

    /** Checks that {@code source × sourceTimes} and {@code target × targetTimes} have one type and count. */
    private static void require(Elements source, int sourceTimes, Elements target, int targetTimes) {
        if (source.type() != target.type()
                || (long) source.count() * sourceTimes != (long) target.count() * targetTimes) {
            throw new IllegalArgumentException("source=" + describe(source, sourceTimes) + " and target="
                    + describe(target, targetTimes) + " differ");
        }
    }

    private static String describe(Elements elements, int times) {
        return elements.type().label() + "[" + elements.count() + "]" + (times == 1 ? "" : " x " + times);
    }

    private void enter() throws CollectiveException {
        if (!operating.tryLock()) {
            throw new IllegalStateException("communicator=" + self.communicator() + " rank=" + self.rank()
                    + " has an operation under way in another thread, or is being closed");
        }
        if (closed) {
            operating.unlock();
            throw new CollectiveException(
                    Code.CLOSED,
                    "communicator=" + self.communicator() + " rank=" + self.rank() + " was closed by this process");
        }
    }

    @Override
    public synchronized void abort(String reason) {
        if (!closed) {
            var unused = exchange.giveUp(Code.ABORTED, "rank " + self.rank() + " gave up: " + reason);
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        if (awaitIdle()) {
            try {
                exchange.close();
            } finally {
                operating.unlock();
            }
        }
        onClose.run();
    }

    /** False when an operation does not end: its memory then stays mapped, because unmapping it would end the process. */
    private boolean awaitIdle() {
        if (operating.tryLock()) {
            return true;
        }
        var unused = exchange.giveUp(Code.ABORTED, "rank " + self.rank() + " was closed during an operation");
        try {
            return operating.tryLock(CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
