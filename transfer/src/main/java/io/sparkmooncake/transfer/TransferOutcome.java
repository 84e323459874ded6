// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import java.util.Optional;

/**
 * Where one request of a batch stands.
 *
 * @param status terminal unless {@link Status#WAITING}
 * @param bytes bytes that arrived so far
 * @param failure present exactly when the status is {@link Status#FAILED}
 */
public record TransferOutcome(Status status, long bytes, Optional<TransferException> failure) {
    /** Life of a request. */
    public enum Status {
        /** Not yet terminal. */
        WAITING,
        /** All bytes are where they were asked to be. */
        COMPLETED,
        /** See {@link TransferOutcome#failure()}; the destination's content is undefined. */
        FAILED
    }
}
