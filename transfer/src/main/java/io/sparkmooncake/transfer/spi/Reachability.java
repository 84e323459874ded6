// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.spi;

import java.util.function.Function;

/** A transport's verdict on a peer. */
public sealed interface Reachability {
    /** Handles both cases; a new case breaks the build of every caller. */
    <T> T fold(Function<Link, T> onReached, Function<String, T> onRefused);

    /**
     * The transport opened a link.
     *
     * @param link owned by the receiver of this verdict, who closes it
     */
    record Reached(Link link) implements Reachability {
        @Override
        public <T> T fold(Function<Link, T> onReached, Function<String, T> onRefused) {
            return onReached.apply(link);
        }
    }

    /**
     * The peer could not be reached now, or the connection broke at once: another attempt may reach it.
     *
     * @param reason one sentence with the last failure
     */
    record Broken(String reason) implements Reachability {
        @Override
        public <T> T fold(Function<Link, T> onReached, Function<String, T> onRefused) {
            return onRefused.apply(reason);
        }
    }

    /**
     * The transport does not connect these processes.
     *
     * @param reason one sentence with the values that decided it
     */
    record Refused(String reason) implements Reachability {
        @Override
        public <T> T fold(Function<Link, T> onReached, Function<String, T> onRefused) {
            return onRefused.apply(reason);
        }
    }
}
