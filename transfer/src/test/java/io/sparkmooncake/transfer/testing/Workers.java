// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Threads of a test and the memory that it may take. */
public final class Workers {
    private Workers() {}

    /** What one thread does; told its number. */
    @FunctionalInterface
    public interface Task {
        /** Runs once. */
        void run(int thread) throws Exception;
    }

    /** Returns an executor that {@link #shutDown} ends. */
    public static ExecutorService workers(int threads) {
        return Executors.newFixedThreadPool(threads, task -> new Thread(task, "test-worker"));
    }

    /** Runs a task in several threads at once; the first failure is the test's. */
    public static void inThreads(int threads, Task task) throws Exception {
        ExecutorService workers = workers(threads);
        List<Future<?>> ends = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            int thread = i;
            ends.add(workers.submit(() -> {
                task.run(thread);
                return null;
            }));
        }
        try {
            for (Future<?> end : ends) {
                end.get(120, TimeUnit.SECONDS);
            }
        } finally {
            shutDown(workers);
        }
    }

    /** Interrupts the threads and waits for their end. */
    public static void shutDown(ExecutorService workers) throws InterruptedException {
        workers.shutdownNow();
        assertThat(workers.awaitTermination(60, TimeUnit.SECONDS)).isTrue();
    }

    /** Returns what the kernel believes can be taken without swapping. */
    public static long availableBytes() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
            return lines.filter(line -> line.startsWith("MemAvailable:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
                    .findFirst()
                    .orElse(0);
        }
    }
}
