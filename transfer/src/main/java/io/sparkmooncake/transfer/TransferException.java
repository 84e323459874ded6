// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer;

import java.io.IOException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A transfer, look-up or connection that failed; the message names peer, path, limit and what to do next. */
public final class TransferException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Why it failed; the set may grow. */
    public enum Code {
        /** The owner refused: wrong key, out of bounds, unknown region, unknown service or a handler's own refusal. */
        REFUSED,
        /** No path reaches the peer or the memory. */
        UNREACHABLE,
        /** The connection to the peer broke; whether its process has ended is not known. */
        PEER_LOST,
        /** The store removed the peer, or another life of it answers: it does not come back under this epoch. */
        PEER_GONE,
        /** A deadline passed. */
        TIMED_OUT,
        /** The caller cancelled. */
        CANCELLED,
        /** The other side does not speak this protocol, version, application or secret. */
        PROTOCOL,
        /** The engine or the link was closed locally. */
        CLOSED
    }

    private final Code code;

    /** Creates a failure with its reason and no cause. */
    public TransferException(Code code, String message) {
        this(code, message, null);
    }

    /** Creates a failure with its reason and the error that led to it. */
    public TransferException(Code code, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.code = Objects.requireNonNull(code, "code");
    }

    /** Returns why it failed. */
    public Code code() {
        return code;
    }
}
