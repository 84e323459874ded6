// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Where code that somebody else runs in this process finds its rendezvous: Spark gives tasks no way to the plugin that opened it.
 *
 * <p>Threading: safe from any thread.
 */
public final class ProcessRendezvous implements AutoCloseable {
    /** The slot that tasks force: one running executor per process. */
    private static final AtomicReference<@Nullable ProcessRendezvous> INSTALLED = new AtomicReference<>();

    private final Rendezvous rendezvous;

    private ProcessRendezvous(Rendezvous rendezvous) {
        this.rendezvous = rendezvous;
    }

    /** Installs the rendezvous of this process until the result is closed, or another one is installed. */
    public static ProcessRendezvous install(Rendezvous rendezvous) {
        ProcessRendezvous installed = new ProcessRendezvous(rendezvous);
        INSTALLED.set(installed);
        return installed;
    }

    /** Returns the rendezvous of this process, if one is installed. */
    public static Optional<Rendezvous> installed() {
        return Optional.ofNullable(INSTALLED.get()).map(process -> process.rendezvous);
    }

    /** Takes it out again; the rendezvous itself has nothing to close. */
    @Override
    public void close() {
        INSTALLED.compareAndSet(this, null);
    }
}
