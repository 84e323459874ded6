// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What a device or its driver refused or failed at. The message names the device, what was asked, and the driver's own words. */
public final class GpuException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What kind of failure it is; the set may grow. */
    public enum Code {
        /** There is no driver, no device, or no JCuda here. */
        UNAVAILABLE,
        /** The device, or the pool's share of it, is full. */
        OUT_OF_MEMORY,
        /** The memory, its kind or its state do not allow what was asked. */
        REFUSED,
        /** A kernel failed or the device is gone: every later call of this process on it fails. */
        DEVICE_LOST,
        /** Work that was queued did not end in time; it may still be under way, so what it uses is not given back. */
        TIMED_OUT,
        /** Anything else that the driver says no to. */
        DRIVER
    }

    private final Code code;

    /** Creates a failure with its reason. */
    public GpuException(Code code, String message) {
        this(code, message, null);
    }

    /** Creates a failure with its reason and what led to it. */
    public GpuException(Code code, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.code = Objects.requireNonNull(code, "code");
    }

    @Override
    public String getMessage() {
        return Objects.toString(super.getMessage(), "");
    }

    /** Returns what kind of failure it is. */
    public Code code() {
        return code;
    }
}
