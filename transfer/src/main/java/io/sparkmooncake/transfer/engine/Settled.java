// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.agent.Agent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** How an attempt ended. Attempts complete with one of these and never exceptionally, so that tables can be made of many. */
sealed interface Settled<T> {
    /** Handles both cases. */
    <R> R fold(Function<T, R> onReached, Function<Cause, R> onMissed);

    /** It came about. */
    record Reached<T>(T value) implements Settled<T> {
        @Override
        public <R> R fold(Function<T, R> onReached, Function<Cause, R> onMissed) {
            return onReached.apply(value);
        }
    }

    /** It did not. */
    record Missed<T>(Cause cause) implements Settled<T> {
        @Override
        public <R> R fold(Function<T, R> onReached, Function<Cause, R> onMissed) {
            return onMissed.apply(cause);
        }
    }

    /** Turns one attempt into what callers see: the value, or the table with one row. */
    static <T> CompletableFuture<T> one(CompletableFuture<Settled<T>> attempt, Agent agent, Duration timeout) {
        long startNanos = agent.nanoTime();
        CompletableFuture<T> result = new CompletableFuture<>();
        var unused = attempt.thenAccept(settled -> {
            Duration waited = Duration.ofNanos(agent.nanoTime() - startNanos);
            settled.fold(
                    result::complete,
                    cause -> result.completeExceptionally(Cause.toException(1, waited, timeout, List.of(cause))));
        });
        return result;
    }

    /** Turns many attempts into all their values, in order, or the table of those that are missing. */
    static <T> CompletableFuture<List<T>> all(
            List<CompletableFuture<Settled<T>>> attempts, Agent agent, Duration timeout) {
        long startNanos = agent.nanoTime();
        CompletableFuture<List<T>> result = new CompletableFuture<>();
        var unused = CompletableFuture.allOf(attempts.toArray(CompletableFuture[]::new))
                .thenRun(() -> {
                    List<T> values = new ArrayList<>();
                    List<Cause> causes = new ArrayList<>();
                    attempts.forEach(attempt -> attempt.join().fold(values::add, causes::add));
                    if (causes.isEmpty()) {
                        result.complete(List.copyOf(values));
                    } else {
                        Duration waited = Duration.ofNanos(agent.nanoTime() - startNanos);
                        result.completeExceptionally(Cause.toException(attempts.size(), waited, timeout, causes));
                    }
                });
        return result;
    }
}
