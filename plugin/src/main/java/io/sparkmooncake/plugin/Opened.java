// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a start has opened so far; closed last first, also when the start fails half way.
 *
 * <p>Threading: safe from any thread.
 */
final class Opened implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Opened.class);

    @GuardedBy("this")
    private final Deque<AutoCloseable> stack = new ArrayDeque<>();

    /** Takes a thing over and returns it. */
    synchronized <T extends AutoCloseable> T add(T opened) {
        stack.push(opened);
        return opened;
    }

    /** Closes everything; what fails to close does not keep the rest open. Idempotent. */
    @Override
    public synchronized void close() {
        while (!stack.isEmpty()) {
            AutoCloseable opened = stack.pop();
            try {
                opened.close();
            } catch (Exception e) {
                LOG.warn("could not close {}", opened.getClass().getSimpleName(), e);
            }
        }
    }
}
