// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine.testing;

import java.util.List;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/** Runs everything on the thread that asks. */
public final class DirectExecutor extends AbstractExecutorService {
    private volatile boolean closed;

    @Override
    public void execute(Runnable command) {
        if (closed) {
            throw new RejectedExecutionException("closed");
        }
        command.run();
    }

    @Override
    public void shutdown() {
        closed = true;
    }

    @Override
    public List<Runnable> shutdownNow() {
        closed = true;
        return List.of();
    }

    @Override
    public boolean isShutdown() {
        return closed;
    }

    @Override
    public boolean isTerminated() {
        return closed;
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) {
        return closed;
    }
}
