// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.agent;

import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent of a process: one daemon thread, {@code mooncake-agent-<name>}.
 *
 * <p>Threading: see {@link Agent}. {@link #close} may be called from any thread, the agent's own included.
 */
public final class AgentThread implements Agent {
    private static final Logger LOG = LoggerFactory.getLogger(AgentThread.class);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

    private final String threadName;
    private final ScheduledThreadPoolExecutor thread;

    private AgentThread(String threadName) {
        this.threadName = threadName;
        this.thread = new ScheduledThreadPoolExecutor(
                1,
                action -> {
                    Thread created = new Thread(action, threadName);
                    created.setDaemon(true);
                    return created;
                },
                (action, pool) -> {
                    throw new RejectedExecutionException(threadName + " has ended");
                });
        thread.setRemoveOnCancelPolicy(true);
        thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    }

    /**
     * Starts an agent.
     *
     * @param name of the process, for example an executor id
     */
    public static AgentThread start(String name) {
        return new AgentThread("mooncake-agent-" + name);
    }

    @Override
    public long nanoTime() {
        return System.nanoTime();
    }

    @Override
    public void execute(Runnable action) {
        thread.execute(() -> run(action));
    }

    @Override
    public Alarm after(Duration delay, Runnable action) {
        Future<?> scheduled = thread.schedule(() -> run(action), delay.toNanos(), TimeUnit.NANOSECONDS);
        return () -> scheduled.cancel(false);
    }

    private void run(Runnable action) {
        try {
            action.run();
        } catch (RuntimeException | Error e) {
            LOG.error("{}: an action failed; the state it owned may be incomplete", threadName, e);
        }
    }

    @Override
    public void close() {
        thread.shutdown();
        if (Thread.currentThread().getName().equals(threadName)) {
            return;
        }
        try {
            if (!thread.awaitTermination(CLOSE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.warn("{} did not end within {}: an action blocks", threadName, CLOSE_TIMEOUT);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
