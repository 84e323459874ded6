// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.gpu.driver.GpuException;
import java.util.ArrayDeque;
import java.util.function.Consumer;

/**
 * What a constructor has taken of a device so far: unless it is kept, closing gives it back, the newest first. A full device fails half
 * way. Threading: one thread.
 */
final class Taken implements AutoCloseable {
    private final ArrayDeque<Runnable> parts = new ArrayDeque<>();

    /** Notes a part and how it is given back; returns it. */
    <T> T add(T part, Consumer<T> giveBack) {
        parts.push(() -> giveBack.accept(part));
        return part;
    }

    /** Leaves all parts to their owner. */
    void keep() {
        parts.clear();
    }

    @Override
    public void close() {
        parts.forEach(Taken::giveBack);
    }

    private static void giveBack(Runnable part) {
        try {
            part.run();
        } catch (GpuException lessThanWhatLedHere) {
            return;
        }
    }
}
