// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.transfer.spi.Reachability;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** Proves a path to a peer on a thread of its own, since that takes the driver's time, and nobody's thread may wait for it. */
final class Proving {
    private Proving() {}

    /**
     * Starts it.
     *
     * @param path whose name the thread has
     * @param refused what a failure of the step means
     */
    static CompletableFuture<Reachability> start(
            String path, Callable<Reachability> step, Function<Throwable, Reachability> refused) {
        CompletableFuture<Reachability> verdict = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        verdict.complete(step.call());
                    } catch (Throwable e) {
                        verdict.complete(refused.apply(e));
                    }
                },
                "mooncake-" + path + "-link");
        thread.setDaemon(true);
        thread.start();
        return verdict;
    }
}
