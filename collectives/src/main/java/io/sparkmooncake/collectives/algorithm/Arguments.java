// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import io.sparkmooncake.collectives.DeviceMemory;
import io.sparkmooncake.collectives.spi.Blocks;
import io.sparkmooncake.collectives.spi.DeviceElements;
import io.sparkmooncake.collectives.spi.Elements;
import org.jspecify.annotations.Nullable;

/** What one rank can see to be wrong in a call before anything is sent. Every check throws {@link IllegalArgumentException}. */
final class Arguments {
    private Arguments() {}

    /** Checks that {@code source × sourceTimes} and {@code target × targetTimes} have one type and count. */
    static void same(Elements source, int sourceTimes, Elements target, int targetTimes) {
        if (source.type() != target.type()
                || Math.multiplyExact(source.count(), sourceTimes) != Math.multiplyExact(target.count(), targetTimes)) {
            throw new IllegalArgumentException("source=" + describe(source, sourceTimes) + " and target="
                    + describe(target, targetTimes) + " differ");
        }
    }

    /** Checks that a vector is all blocks. */
    static void whole(String name, Elements elements, Blocks blocks, int size) {
        if (blocks.size() != size) {
            throw new IllegalArgumentException("blocks=" + blocks + " are not one for each of size=" + size + " ranks");
        }
        if (elements.count() != blocks.total()) {
            throw new IllegalArgumentException(
                    name + "=" + describe(elements, 1) + " is not total=" + blocks.total() + " of blocks=" + blocks);
        }
    }

    /** Checks that a vector is one rank's block. */
    static void block(String name, Elements elements, Blocks blocks, int rank, int size) {
        if (blocks.size() != size) {
            throw new IllegalArgumentException("blocks=" + blocks + " are not one for each of size=" + size + " ranks");
        }
        if (elements.count() != blocks.count(rank)) {
            throw new IllegalArgumentException(
                    name + "=" + describe(elements, 1) + " is not block " + rank + " of blocks=" + blocks);
        }
    }

    /** Checks that memory of a device is there only where the communicator takes it. */
    static void reachable(DeviceMemory devices, @Nullable Elements one, @Nullable Elements other) {
        if (one instanceof DeviceElements || other instanceof DeviceElements) {
            String cause = devices.unavailabilityCause();
            if (!cause.isEmpty()) {
                throw new IllegalArgumentException(
                        "this communicator takes no memory of a device: " + cause + ". Copy the elements to the host");
            }
        }
    }

    static void sameType(Elements source, Elements target) {
        if (source.type() != target.type()) {
            same(source, 1, target, 1);
        }
    }

    static void rank(String name, int rank, int size) {
        if (rank < 0 || rank >= size) {
            throw new IllegalArgumentException(name + "=" + rank + " is none of size=" + size + " ranks");
        }
    }

    /** Returns what the root must have and nobody else may be asked for. */
    static Elements ofRoot(String name, @Nullable Elements elements, int root) {
        if (elements == null) {
            throw new IllegalArgumentException(name + "=null on root=" + root + ", which must have one");
        }
        return elements;
    }

    /** Checks the other end and the tag of a message. */
    static void message(String name, int other, int tag, int self, int size) {
        rank(name, other, size);
        if (other == self) {
            throw new IllegalArgumentException(name + "=" + other + " is this rank: a rank sends nothing to itself");
        }
        if (tag < 0) {
            throw new IllegalArgumentException("tag=" + tag + ", least is 0");
        }
    }

    static String describe(Elements elements, int times) {
        return elements.type().label() + "[" + elements.count() + "]" + (times == 1 ? "" : " x " + times);
    }
}
