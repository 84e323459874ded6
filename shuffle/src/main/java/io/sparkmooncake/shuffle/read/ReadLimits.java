// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import java.time.Duration;

/**
 * Bounds on one reduce task.
 *
 * @param maxBytesInFlight Spark's {@code spark.reducer.maxSizeInFlight}
 * @param maxRequestsInFlight Spark's {@code spark.reducer.maxReqsInFlight}
 * @param timeout deadline of one look-up or batch
 * @param patience how long a task waits in one go for memory, or for a peer that takes no more transfers
 * @param retries what follows a connection that broke
 * @param checksum whether blocks carry CRC32C
 */
public record ReadLimits(
        long maxBytesInFlight,
        int maxRequestsInFlight,
        Duration timeout,
        Duration patience,
        Retries retries,
        boolean checksum) {

    /**
     * How a look-up or a transfer is repeated whose connection broke or could not be made: at once the first time, because most
     * connections come back at once, and after a pause from then on.
     *
     * @param max Spark's {@code spark.shuffle.io.maxRetries}
     * @param pause Spark's {@code spark.shuffle.io.retryWait}
     */
    public record Retries(int max, Duration pause) {
        /** Returns how long to wait after a number of failures in a row. */
        Duration delayAfter(int failures) {
            return failures <= 1 ? Duration.ZERO : pause;
        }
    }
}
