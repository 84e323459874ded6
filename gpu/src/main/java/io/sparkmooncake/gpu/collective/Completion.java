// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.collective;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.gpu.driver.DeviceStream;
import io.sparkmooncake.gpu.driver.GpuException;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Waits for what was queued, and turns the verdicts of kernels and the errors of the driver into the one failure that every rank
 * throws: the communicator of the host is broken with it, and its word counts.
 *
 * <p>Threading: the rank's own thread; {@link #abort} from any.
 */
final class Completion {
    private static final long SPIN_NANOS = 200_000;
    private static final long PAUSE_NANOS = 20_000;
    private static final long LOOK_NANOS = 1_000_000;
    private static final long LETTING_GO_NANOS = 100_000_000;

    /** A kernel ends by itself at its limit; what does not end by so many of them is lost. */
    private static final int LIMITS = 3;

    private final DeviceGroup group;
    private final CallQueue calls;
    private volatile @Nullable CollectiveException failure;

    /** Since when the host's communicator was seen to be broken; 0 as long as it was not. */
    private long brokenNanos;

    Completion(DeviceGroup group, CallQueue calls) {
        this.group = group;
        this.calls = calls;
    }

    /** Throws what the fabric broke with. */
    void requireWhole() throws CollectiveException {
        CollectiveException broken = failure;
        if (broken != null) {
            throw new CollectiveException(broken.code(), Objects.toString(broken.getMessage(), ""), broken);
        }
        if (group.report() != 0) {
            throw failed("an operation before");
        }
    }

    void await(DeviceStream stream, String operation) throws CollectiveException {
        long startNanos = System.nanoTime();
        long limitNanos = LIMITS * group.options.timeout().toNanos();
        long lookNanos = LOOK_NANOS;
        boolean interrupted = false;
        try {
            while (!stream.isIdle()) {
                long waited = System.nanoTime() - startNanos;
                if (waited > lookNanos) {
                    lookNanos = waited + LOOK_NANOS;
                    heedHost();
                }
                if (waited > limitNanos) {
                    abort(Code.TIMED_OUT, operation + " did not end on " + group.device);
                    throw failed(operation);
                }
                if (Thread.interrupted()) {
                    interrupted = true;
                    abort(Code.INTERRUPTED, "its thread was interrupted in " + operation);
                }
                if (waited > SPIN_NANOS) {
                    LockSupport.parkNanos(PAUSE_NANOS);
                } else {
                    Thread.onSpinWait();
                }
            }
        } catch (GpuException e) {
            abort(Code.ABORTED, operation + " failed: " + e.getMessage());
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        if (failure != null || group.report() != 0) {
            throw failed(operation);
        }
    }

    /**
     * Ends the kernels of all ranks as soon as the host knows that one is lost, and not at their limit. A rank that gave up has told the
     * kernels itself, and why; that comes first.
     */
    private void heedHost() {
        try {
            if (failure == null) {
                group.control.requireWhole();
            }
        } catch (CollectiveException e) {
            long now = System.nanoTime();
            brokenNanos = brokenNanos == 0 ? now : brokenNanos;
            if (e.code() != Code.RANK_LOST && now - brokenNanos < LETTING_GO_NANOS) {
                return;
            }
            synchronized (this) {
                if (failure != null) {
                    return;
                }
                failure = e;
            }
            group.raise(calls.sequence());
        }
    }

    /** Settles with the other ranks what it failed with; the first that came counts. */
    private CollectiveException failed(String operation) {
        CollectiveException broken = failure;
        if (broken == null) {
            DeviceVerdict verdict = DeviceVerdict.of(group.report());
            String peer = group.mappings.offers().get(verdict.rank()).describe();
            String text = operation + ": "
                    + verdict.describe(peer, group.options.timeout().toMillis());
            broken = settle(verdict.code(), text);
            failure = broken;
        }
        return broken;
    }

    private CollectiveException settle(Code code, String text) {
        boolean interrupted = Thread.interrupted();
        group.control.abort(text);
        Code counts = code;
        String standing = "communicator=" + group.self.communicator() + " epoch=" + group.self.epoch() + ": " + text;
        try {
            group.control.barrier();
        } catch (CollectiveException e) {
            standing = e.getMessage() == null ? standing : e.getMessage();
            counts = e.code() == Code.RANK_LOST ? e.code() : code;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return new CollectiveException(counts, standing);
    }

    /** Breaks every rank: its kernels, and its communicator. */
    void abort(Code code, String reason) {
        synchronized (this) {
            if (failure != null) {
                return;
            }
            failure = new CollectiveException(
                    code,
                    "communicator=" + group.self.communicator() + " epoch=" + group.self.epoch() + ": rank "
                            + group.self.rank() + " gave up: " + reason);
        }
        group.control.abort(reason);
        try {
            group.raise(calls.sequence());
        } catch (GpuException lost) {
            // The device does nothing any more, and the others see the communicator broken, or their deadline.
            return;
        }
    }

    /** Waits for the others, so that nobody frees what another one still uses. */
    void leave() {
        try {
            if (failure == null && group.report() == 0) {
                await(group.stream, "leaving");
                group.control.barrier();
                return;
            }
        } catch (CollectiveException | GpuException othersAreGone) {
            letGo();
            return;
        }
        letGo();
    }

    /** Kernels of other ranks see the verdict within microseconds; their copies, and a rank that does not run, get a moment. */
    private void letGo() {
        long endNanos = System.nanoTime() + LIMITS * group.options.timeout().toNanos();
        try {
            while (!group.stream.isIdle() && System.nanoTime() - endNanos < 0) {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        } catch (GpuException lost) {
            return;
        }
        LockSupport.parkNanos(LETTING_GO_NANOS);
    }
}
