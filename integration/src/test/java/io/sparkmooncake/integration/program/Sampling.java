// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Repeats an action each second on a thread of its own, and once more at the end; {@link #close} fails if the action did.
 *
 * <p>Threading: one thread opens and closes it.
 */
final class Sampling implements AutoCloseable {
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread made = new Thread(task, "sampling");
        made.setDaemon(true);
        return made;
    });
    private final Runnable action;
    private final ScheduledFuture<?> repetition;

    Sampling(Runnable action) {
        this.action = action;
        this.repetition = thread.scheduleWithFixedDelay(action, 0, 1, TimeUnit.SECONDS);
    }

    @Override
    public void close() throws Exception {
        thread.shutdown();
        Facts.require(thread.awaitTermination(5, TimeUnit.MINUTES), "a sample takes more than five minutes");
        if (!repetition.isCancelled()) {
            repetition.get();
        }
        action.run();
    }
}
