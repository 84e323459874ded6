// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Fabric;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Lets one operation at a time onto a fabric: those of the caller's thread, and those that wait for the communicator's own thread,
 * which come first.
 *
 * <p>Threading: safe from any thread. The lock tells that a caller's operation is under way; nobody waits for it but
 * {@link #close}, for a bounded time. The communicator's thread never holds it: a caller goes on only when nothing is pending, and
 * nothing becomes pending but by whoever holds the lock, or by that thread itself.
 */
final class CallOrder {
    private static final long CLOSE_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final Fabric fabric;
    private final Membership self;
    private final ReentrantLock operating = new ReentrantLock();

    @GuardedBy("this")
    private final ArrayDeque<Pending> queue = new ArrayDeque<>();

    private volatile @Nullable Thread worker;
    private volatile int pending;
    private volatile boolean closed;

    private record Pending(Communicator.Work work, Communicator communicator, CompletableFuture<Void> done) {}

    CallOrder(Fabric fabric) {
        this.fabric = fabric;
        this.self = fabric.self();
    }

    /** Begins an operation of the caller, once what is pending is done. */
    void enter() throws CollectiveException {
        if (Thread.currentThread() == worker) {
            requireOpen();
            return;
        }
        lock();
        if (pending > 0) {
            awaitPending();
        }
    }

    private void lock() throws CollectiveException {
        if (!operating.tryLock()) {
            throw new IllegalStateException("communicator=" + self.communicator() + " rank=" + self.rank()
                    + " has an operation under way in another thread, or is being closed");
        }
        if (closed) {
            operating.unlock();
            throw wasClosed();
        }
    }

    void requireOpen() throws CollectiveException {
        if (closed) {
            throw wasClosed();
        }
    }

    private CollectiveException wasClosed() {
        return new CollectiveException(
                Code.CLOSED,
                "communicator=" + self.communicator() + " rank=" + self.rank() + " was closed by this process");
    }

    /** Ends what {@link #enter} began. */
    void exit() {
        if (Thread.currentThread() != worker) {
            operating.unlock();
        }
    }

    /** Waits for pending work, each of whose operations has its deadline. An interrupt breaks the fabric, and so ends them. */
    private void awaitPending() throws CollectiveException {
        if (!idleWithin(Long.MAX_VALUE)) {
            fabric.abort("rank " + self.rank() + " was interrupted while it waited for its asynchronous operations");
            boolean idle = idleWithin(CLOSE_TIMEOUT_NANOS);
            Thread.currentThread().interrupt();
            if (!idle) {
                operating.unlock();
                throw new CollectiveException(
                        Code.INTERRUPTED,
                        "communicator=" + self.communicator() + " epoch=" + self.epoch() + ": rank " + self.rank()
                                + " was interrupted while it waited for its asynchronous operations, which do not end");
            }
        }
    }

    /** False when it took longer, or when this thread is interrupted, which is cleared. */
    private synchronized boolean idleWithin(long limitNanos) {
        long startNanos = System.nanoTime();
        try {
            while (pending > 0) {
                long leftNanos = limitNanos - (System.nanoTime() - startNanos);
                if (leftNanos <= 0) {
                    return false;
                }
                TimeUnit.NANOSECONDS.timedWait(this, leftNanos);
            }
            return true;
        } catch (InterruptedException e) {
            return false;
        }
    }

    /** Adds work for the communicator's thread, which it starts where there is none. */
    CompletableFuture<Void> submit(Communicator.Work work, Communicator communicator) throws CollectiveException {
        boolean caller = Thread.currentThread() != worker;
        if (caller) {
            lock();
        }
        try {
            CompletableFuture<Void> done = new CompletableFuture<>();
            add(new Pending(work, communicator, done));
            return done.copy();
        } finally {
            if (caller) {
                operating.unlock();
            }
        }
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // every update holds the monitor
    private synchronized void add(Pending work) throws CollectiveException {
        requireOpen();
        queue.add(work);
        pending++;
        if (worker == null) {
            Thread thread = new Thread(this::runAll, "mooncake-collective-" + self.communicator() + "-" + self.rank());
            thread.setDaemon(true);
            worker = thread;
            thread.start();
        }
        notifyAll();
    }

    private void runAll() {
        Pending next = take();
        while (next != null) {
            try {
                next.work.run(next.communicator);
                next.done.complete(null);
            } catch (Throwable e) {
                next.done.completeExceptionally(e);
            } finally {
                // An interrupt is about the work, not about what comes after it.
                boolean unused = Thread.interrupted();
                finished();
            }
            next = take();
        }
    }

    private synchronized @Nullable Pending take() {
        try {
            while (queue.isEmpty() && !closed) {
                wait();
            }
        } catch (InterruptedException e) {
            return take();
        }
        return queue.poll();
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // every update holds the monitor
    private synchronized void finished() {
        pending--;
        notifyAll();
    }

    /** Breaks every rank, unless this one was closed. */
    synchronized void abort(String reason) {
        if (!closed) {
            fabric.abort("rank " + self.rank() + " gave up: " + reason);
        }
    }

    /** Closes the fabric once nothing runs; false when it was closed before. */
    boolean close() {
        ArrayDeque<Pending> dropped;
        synchronized (this) {
            if (closed) {
                return false;
            }
            closed = true;
            dropped = new ArrayDeque<>(queue);
            queue.clear();
            pending -= dropped.size();
            notifyAll();
        }
        dropped.forEach(each -> each.done.completeExceptionally(wasClosed()));
        if (awaitIdle()) {
            try {
                fabric.close();
            } finally {
                operating.unlock();
            }
        }
        return true;
    }

    /** False when an operation does not end: its memory then stays mapped, because unmapping it would end the process. */
    private boolean awaitIdle() {
        boolean alone = Thread.currentThread() == worker;
        if (operating.tryLock()) {
            if (alone || pending == 0) {
                return true;
            }
            operating.unlock();
        }
        fabric.abort("rank " + self.rank() + " was closed during an operation");
        try {
            if (!operating.tryLock(CLOSE_TIMEOUT_NANOS, TimeUnit.NANOSECONDS)) {
                return false;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
        if (alone || idleWithin(CLOSE_TIMEOUT_NANOS)) {
            return true;
        }
        operating.unlock();
        return false;
    }
}
