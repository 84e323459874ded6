// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** Marks that processes of one check set for each other, as files of a folder. */
record Signals(Path folder) {
    void set(String name) throws IOException {
        Files.writeString(folder.resolve(name), "");
    }

    void await(String name, Duration limit) throws InterruptedException {
        long endNanos = System.nanoTime() + limit.toNanos();
        while (!Files.exists(folder.resolve(name))) {
            if (System.nanoTime() - endNanos > 0) {
                throw new AssertionError(name + " did not come within " + limit);
            }
            Thread.sleep(2);
        }
    }
}
