// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.agent;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * How long nothing has happened, counted in looks instead of elapsed time: {@value #LOOKS} looks make a limit. A pause of this
 * process delays one look, and a look that comes late decides nothing, so that what arrived during the pause is seen before
 * anybody is blamed for it. Twice as many looks decide in any case.
 *
 * <p>Threading: none; its owner's.
 */
public final class Silence {
    /** Looks that make a limit. */
    public static final int LOOKS = 8;

    private final long everyNanos;
    private long sinceNanos;
    private long lookNanos;
    private int looks;

    /** Begins now; the owner looks once every {@link #everyNanos}. */
    public Silence(Duration limit, long nowNanos) {
        this.everyNanos = Math.max(TimeUnit.MILLISECONDS.toNanos(1), limit.toNanos() / LOOKS);
        restart(nowNanos);
    }

    /** Returns the time between two looks. */
    public long everyNanos() {
        return everyNanos;
    }

    /** Something happened. */
    public void restart(long nowNanos) {
        sinceNanos = nowNanos;
        lookNanos = nowNanos;
        looks = 0;
    }

    /** Counts one look at which nothing had happened; returns whether the limit has passed. */
    public boolean lastsAt(long nowNanos) {
        boolean late = nowNanos - lookNanos > 2 * everyNanos;
        lookNanos = nowNanos;
        looks++;
        return looks >= (late ? 2 * LOOKS : LOOKS);
    }

    /** Returns the elapsed time, for messages. */
    public Duration elapsed(long nowNanos) {
        return Duration.ofNanos(nowNanos - sinceNanos);
    }

    /** Returns the time that the looks until the limit take. */
    public Duration left() {
        return Duration.ofNanos(Math.max(0, LOOKS - looks) * everyNanos);
    }
}
