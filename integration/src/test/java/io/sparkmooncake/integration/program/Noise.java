// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.program;

import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import java.util.zip.CRC32C;

/** Bytes that do not compress and that a seed decides, and their checksum: both fast, for gigabytes of them. */
final class Noise {
    private Noise() {}

    static byte[] bytes(int length, long seed) {
        byte[] bytes = new byte[(length + 7) & ~7];
        LongBuffer words = ByteBuffer.wrap(bytes).asLongBuffer();
        long state = seed;
        for (int i = 0; i < words.capacity(); i++) {
            state += 0x9E3779B97F4A7C15L;
            long mixed = (state ^ (state >>> 30)) * 0xBF58476D1CE4E5B9L;
            words.put(i, mixed ^ (mixed >>> 27));
        }
        return bytes;
    }

    static long checksum(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, bytes.length);
        return crc.getValue();
    }
}
