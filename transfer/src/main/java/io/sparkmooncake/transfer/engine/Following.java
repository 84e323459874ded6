// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Goes on with what a future holds, on the agent, where an exception reaches the agent's log instead of a future that nobody reads. */
final class Following {
    private Following() {}

    /** Runs the action on the agent once the future is done: with its value, or with its failure. */
    static <T> void onAgent(
            Executor agent, CompletableFuture<T> future, BiConsumer<@Nullable T, @Nullable TransferException> action) {
        var unused = future.whenComplete(
                (value, failure) -> agent.execute(() -> action.accept(value, asTransferException(failure))));
    }

    static @Nullable TransferException asTransferException(@Nullable Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        if (cause == null || cause instanceof TransferException) {
            return (TransferException) cause;
        }
        return new TransferException(Code.UNREACHABLE, cause.toString(), cause);
    }
}
