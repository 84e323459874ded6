// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads that read regions in files for one transport, because a disk must not stop a network thread. They start when they
 * are needed and end when there was nothing to read for a while.
 *
 * <p>Threading: safe from any thread. Each connection queues a few chunks at most.
 */
final class FileReaders implements Executor, AutoCloseable {
    private static final int THREADS = 4;
    private static final long IDLE_SECONDS = 10;
    private static final long CLOSE_LIMIT_SECONDS = 10;

    private final ThreadPoolExecutor threads;

    /**
     * Creates the readers of one transport; no thread starts yet.
     *
     * @param name of its process, for the names of the threads
     */
    FileReaders(String name) {
        AtomicInteger next = new AtomicInteger(1);
        threads = new ThreadPoolExecutor(
                THREADS, THREADS, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                    Thread thread = new Thread(task, "mooncake-disk-" + name + "-" + next.getAndIncrement());
                    thread.setDaemon(true);
                    return thread;
                });
        threads.allowCoreThreadTimeOut(true);
    }

    @Override
    public void execute(Runnable read) {
        threads.execute(read);
    }

    /** Ends the threads once what is queued was read; returns after ten seconds at the latest. */
    @Override
    public void close() {
        threads.shutdown();
        try {
            var unused = threads.awaitTermination(CLOSE_LIMIT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
