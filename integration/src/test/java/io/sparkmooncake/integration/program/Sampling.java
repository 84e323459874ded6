// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** Takes samples while something runs. */
final class Sampling {
    /** What runs meanwhile. */
    interface Work {
        void run() throws Exception;
    }

    private Sampling() {}

    /** Runs {@code work}, and {@code sample} each second on a thread of its own and once at the end; fails if either does. */
    static void during(Work work, Runnable sample) throws Exception {
        ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread made = new Thread(task, "sampling");
            made.setDaemon(true);
            return made;
        });
        try {
            ScheduledFuture<?> repetition = thread.scheduleWithFixedDelay(sample, 0, 1, TimeUnit.SECONDS);
            work.run();
            thread.shutdown();
            Facts.require(thread.awaitTermination(5, TimeUnit.MINUTES), "a sample takes more than five minutes");
            if (!repetition.isCancelled()) {
                repetition.get();
            }
            sample.run();
        } finally {
            thread.shutdown();
        }
    }
}
