// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** A cheap 64-bit hash of bytes; sums of it compare sets of rows. Not for keys that an adversary picks. */
final class RowHash {
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private RowHash() {}

    /** The SplitMix64 finalizer: every bit of the argument reaches every bit of the result. */
    static long mix(long value) {
        long z = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /** The {@code index}-th number of the pseudo-random sequence of {@code seed}. */
    static long random(long seed, long index) {
        return mix(seed + (index + 1) * GOLDEN);
    }

    /** Takes eight more bytes into {@code hash}; {@link #mix} ends it. */
    static long add(long hash, long word) {
        long product = (hash ^ word) * GOLDEN;
        return product ^ (product >>> 32);
    }

    /** Hashes {@code bytes}, continuing from {@code seed}. */
    static long hash(long seed, byte[] bytes) {
        long hash = seed ^ (bytes.length * GOLDEN);
        int at = 0;
        for (; at + Long.BYTES <= bytes.length; at += Long.BYTES) {
            hash = add(hash, (long) LONGS.get(bytes, at));
        }
        long tail = 0;
        for (; at < bytes.length; at++) {
            tail = (tail << Byte.SIZE) | (bytes[at] & 0xFF);
        }
        return mix(add(hash, tail));
    }

    /** Writes {@code value} into {@code bytes} at {@code at}, eight bytes. */
    static void putLong(byte[] bytes, int at, long value) {
        LONGS.set(bytes, at, value);
    }
}
