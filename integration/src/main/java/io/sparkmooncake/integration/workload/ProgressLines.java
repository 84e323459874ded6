// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.integration.example.Progress;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Rank 0's lines to a driver on the same host, one for each iteration, while the stage runs.
 *
 * <p>Threading: the task's.
 */
final class ProgressLines implements Progress {
    private static final long serialVersionUID = 1;

    private final int port;
    private transient @Nullable BufferedWriter lines;
    private transient long beginNanos;
    private transient long computedNanos;
    private transient long reducedNanos;

    /** Speaks to this port of the loopback address. */
    ProgressLines(int port) {
        this.port = port;
    }

    @Override
    public void loaded(Communicator communicator) throws Exception {
        if (communicator.membership().rank() == 0) {
            Socket driver = new Socket(InetAddress.getLoopbackAddress(), port);
            lines = new BufferedWriter(new OutputStreamWriter(driver.getOutputStream(), StandardCharsets.UTF_8));
        }
        communicator.barrier();
        beginNanos = System.nanoTime();
    }

    @Override
    public void computed() {
        computedNanos = System.nanoTime();
    }

    @Override
    public void reduced() {
        reducedNanos = System.nanoTime();
    }

    @Override
    public void iterated(int iteration, double objective) throws IOException {
        long now = System.nanoTime();
        BufferedWriter driver = lines;
        if (driver != null) {
            driver.write(String.format(
                    Locale.ROOT,
                    "  iteration %3d  objective %.6f  %8.3f ms, of which all-reduce %7.3f ms%n",
                    iteration,
                    objective,
                    (now - beginNanos) / 1e6,
                    (reducedNanos - computedNanos) / 1e6));
            driver.flush();
        }
        beginNanos = now;
    }

    @Override
    public void ended() throws IOException {
        BufferedWriter driver = lines;
        if (driver != null) {
            driver.close();
        }
    }
}
