// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.spi;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** The small two-sided channel to one peer that always works. Carried by TCP. Threading: safe from any thread. */
public interface ControlChannel extends AutoCloseable {
    /** See {@link io.sparkmooncake.transfer.Peer#ask}. */
    CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout);

    /** Completes with the reason when the channel breaks or is closed. */
    CompletableFuture<String> lost();

    @Override
    void close();
}
