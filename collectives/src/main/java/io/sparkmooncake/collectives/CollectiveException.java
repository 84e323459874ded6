// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives;

import java.io.IOException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A communicator that broke or did not come about. It stays broken: every later operation fails with the same code and message,
 * and ranks join anew under another epoch. Once one rank failed, the others fail with its code and message at the latest in their
 * next operation.
 */
public final class CollectiveException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Why it failed; the set may grow. */
    public enum Code {
        /** Ranks do not call the same operations in the same order, or one left before the others. */
        DESYNC,
        /** A rank did not come, or was silent, until the deadline. */
        TIMED_OUT,
        /** The store, or the process of another rank, cannot be reached. */
        UNREACHABLE,
        /** A rank's process is known to be gone. */
        RANK_LOST,
        /** A rank gave up: its task failed, or was told to. */
        ABORTED,
        /** A rank's thread was interrupted, as Spark does to tasks that it kills. */
        INTERRUPTED,
        /** The communicator cannot be made here: no shared memory, another size, a rank that is there twice. */
        REFUSED,
        /** This rank's communicator was closed. */
        CLOSED,
        /** The other ranks of an elastic communicator go on without this one. */
        EXCLUDED
    }

    private final Code code;

    /** Creates a failure with its reason and no cause. */
    public CollectiveException(Code code, String message) {
        this(code, message, null);
    }

    /** Creates a failure with its reason and the error that led to it. */
    public CollectiveException(Code code, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.code = Objects.requireNonNull(code, "code");
    }

    /** Returns why it failed. */
    public Code code() {
        return code;
    }
}
