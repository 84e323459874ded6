// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Layout of the index that lies behind the blocks of one {@link Part}, 8-byte aligned, little-endian:
 *
 * <pre>
 *   +-------------------------------+  n words   partition number, ascending; bit 31 says that the block goes
 *   | partition | flags             |            on in the output's next part, bit 30 that it is compressed
 *   +-------------------------------+
 *   | start of each block, and end  |  n + 1 words, unsigned, relative to the part's first byte
 *   +-------------------------------+
 *   | CRC32C of each block's bytes  |  n words; 0 when checksums are off
 *   +-------------------------------+
 * </pre>
 *
 * Only partitions with bytes have an entry, so a part of 16 million partitions and ten records has ten.
 */
public final class BlockIndex {
    private static final int CONTINUED = 1 << 31;
    private static final int COMPRESSED = 1 << 30;
    private static final int PARTITION = COMPRESSED - 1;

    private final ByteBuffer words;
    private final int count;

    /** Views an index of {@code count} entries; {@code bytes} has exactly {@link #sizeBytes} remaining. */
    public BlockIndex(ByteBuffer bytes, int count) {
        if (bytes.remaining() != sizeBytes(count)) {
            throw new IllegalArgumentException(
                    "index of entries=" + count + " needs bytes=" + sizeBytes(count) + ", has " + bytes.remaining());
        }
        this.words = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
        this.count = count;
    }

    /** Returns the bytes that an index of {@code count} entries takes. */
    public static int sizeBytes(int count) {
        return Math.multiplyExact(Math.addExact(Math.multiplyExact(count, 3), 1), Integer.BYTES);
    }

    /** Returns where the index of a part with {@code dataBytes} bytes of blocks begins. */
    public static long startFor(long dataBytes) {
        return (dataBytes + 7) & ~7L;
    }

    /** Returns the number of entries. */
    public int count() {
        return count;
    }

    /** Returns the word of a block of a partition below 2^30. */
    public static int word(int partition, Encoding encoding) {
        if ((partition & PARTITION) != partition) {
            throw new IllegalArgumentException("partition=" + partition + " exceeds limit=" + PARTITION);
        }
        return encoding == Encoding.COMPRESSED ? partition | COMPRESSED : partition;
    }

    /** Returns the word of the same block, if it goes on in the output's next part. */
    public static int continued(int word) {
        return word | CONTINUED;
    }

    static int partitionOf(int word) {
        return word & PARTITION;
    }

    static Encoding encodingOf(int word) {
        return (word & COMPRESSED) == 0 ? Encoding.PLAIN : Encoding.COMPRESSED;
    }

    static boolean isContinued(int word) {
        return (word & CONTINUED) != 0;
    }

    /** Sets entry {@code i}; its end is the start of entry {@code i + 1}, or what {@link #setEnd} says. */
    public void set(int i, int word, long startBytes) {
        words.putInt(i * Integer.BYTES, word);
        words.putInt((count + i) * Integer.BYTES, (int) startBytes);
    }

    /** Sets the end of the last block. */
    public void setEnd(long endBytes) {
        words.putInt((count + count) * Integer.BYTES, (int) endBytes);
    }

    /** Sets the checksum of entry {@code i}. */
    public void setChecksum(int i, int crc32c) {
        words.putInt((2 * count + 1 + i) * Integer.BYTES, crc32c);
    }

    /** Returns the partition of entry {@code i}. */
    public int partition(int i) {
        return partitionOf(word(i));
    }

    /** Returns how the block of entry {@code i} is encoded. */
    public Encoding encoding(int i) {
        return encodingOf(word(i));
    }

    /** Returns the word of entry {@code i}, negative if its block goes on in the output's next part. */
    public int word(int i) {
        return words.getInt(i * Integer.BYTES);
    }

    /** Returns where entry {@code i} begins; for {@code i == count}, where the last block ends. */
    public long start(int i) {
        return Integer.toUnsignedLong(words.getInt((count + i) * Integer.BYTES));
    }

    /** Returns the length in bytes of entry {@code i}. */
    public long length(int i) {
        return start(i + 1) - start(i);
    }

    /** Returns the checksum of entry {@code i}. */
    public int checksum(int i) {
        return words.getInt((2 * count + 1 + i) * Integer.BYTES);
    }

    /** Returns the first entry whose partition is at least {@code partition}; {@link #count} when there is none. */
    public int firstAtLeast(int partition) {
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (partition(middle) < partition) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
}
