// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.hierarchy;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.DeviceMemory;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import org.jspecify.annotations.Nullable;

/** Takes memory of a rank's device through the heap. Elements of the host stay as they are. Threading: the rank's own. */
final class HostCopies {
    /** Of a Java array, whatever the type. */
    private static final long MOST_ELEMENTS = Integer.MAX_VALUE - 8L;

    /** Elements at a time where an operation can be cut. */
    private static final int PIECE = 1 << 20;

    private final DeviceMemory device;

    /** An operation on host memory, in place. */
    @FunctionalInterface
    interface InPlace {
        void run(Elements elements) throws CollectiveException;
    }

    /** A reduction of vectors of one count. */
    @FunctionalInterface
    interface Reduction {
        void run(Elements source, Elements target, ReduceOp op) throws CollectiveException;
    }

    HostCopies(DeviceMemory device) {
        this.device = device;
    }

    /** Returns a copy of elements of the device, or the elements. */
    Elements onHost(Elements elements) {
        if (!(elements instanceof DeviceElements memory)) {
            return elements;
        }
        if (memory.count() > MOST_ELEMENTS) {
            throw new IllegalArgumentException(
                    "memory of a device passes through the host between hosts, elements=" + memory.count()
                            + " and at most " + MOST_ELEMENTS + " at once: call the operation for parts of it");
        }
        Elements copy = Elements.allocate(memory.type(), (int) memory.count());
        device.download(memory, copy);
        return copy;
    }

    /** Returns host memory that holds what the elements do, for a target that may not be written as a whole; null for none. */
    @Nullable
    Elements likeOnHost(@Nullable Elements elements) {
        return elements == null ? null : onHost(elements);
    }

    /** Copies to the device what was meant for it. */
    void back(@Nullable Elements host, @Nullable Elements target) {
        if (host != null && target instanceof DeviceElements memory) {
            device.upload(host, memory);
        }
    }

    /** Reduces piece by piece. */
    void through(Elements source, Elements target, Reduction reduction, ReduceOp op) throws CollectiveException {
        if (!(source instanceof DeviceElements) && !(target instanceof DeviceElements)) {
            reduction.run(source, target, op);
            return;
        }
        long at = 0;
        do {
            long count = Math.min(PIECE, source.count() - at);
            Elements host = onHost(source.slice(at, count));
            Elements to = target instanceof DeviceElements ? host : target.slice(at, count);
            reduction.run(host, to, op);
            back(to, target.slice(at, count));
            at += count;
        } while (at < source.count());
    }

    /** Runs an operation on all of the device's elements, piece by piece. */
    void inPieces(DeviceElements elements, InPlace operation) throws CollectiveException {
        Elements host = Elements.allocate(elements.type(), (int) Math.min(PIECE, elements.count()));
        for (long at = 0; at < elements.count(); at += host.count()) {
            long count = Math.min(host.count(), elements.count() - at);
            Elements piece = host.slice(0, count);
            DeviceElements there = elements.slice(at, count);
            device.download(there, piece);
            operation.run(piece);
            device.upload(piece, there);
        }
    }
}
