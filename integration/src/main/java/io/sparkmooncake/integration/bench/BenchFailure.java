// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

/** Ends a comparison with a message for the person who started it; there is no stack to look at. */
final class BenchFailure extends RuntimeException {
    private static final long serialVersionUID = 1;

    BenchFailure(String message) {
        super(message, null, false, false);
    }
}
