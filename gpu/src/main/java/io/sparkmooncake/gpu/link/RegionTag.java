// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What lies behind the last byte of a shared device region, so that whoever maps it finds out what it is, whichever handle led there:
 * handles are used again, and a mapping outlives its region. The owner overwrites the state when it unregisters the region.
 *
 * <pre>
 *  0 magic   8 id   16 key   24 size   32 state: 0 live, anything else revoked   40 - 64 unused
 * </pre>
 */
final class RegionTag {
    static final int BYTES = 64;
    static final int STATE_OFFSET = 32;
    static final int STATE_BYTES = 8;
    static final byte REVOKED = -1;
    private static final long MAGIC = 0x6d6f6f6e74616731L;
    private static final long ALIGNMENT = 256;

    private RegionTag() {}

    static long offset(long sizeBytes) {
        return (sizeBytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    static ByteBuffer encode(long id, long key, long sizeBytes) {
        ByteBuffer tag = ByteBuffer.allocateDirect(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        tag.putLong(0, MAGIC).putLong(8, id).putLong(16, key).putLong(24, sizeBytes);
        return tag;
    }

    /** Returns why the tag is not that of a live region as described; empty where it is. */
    static String refusal(ByteBuffer bytes, int at, RegionDescriptor described) {
        ByteBuffer tag = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        if (tag.getLong(at) != MAGIC) {
            return "what is mapped there is no region any more";
        }
        if (tag.getLong(at + 8) != described.id()) {
            return "what is mapped there is another region";
        }
        if (tag.getLong(at + 16) != described.key()) {
            return "its key is another one";
        }
        if (tag.getLong(at + 24) != described.sizeBytes()) {
            return "its size is " + tag.getLong(at + 24);
        }
        return tag.getLong(at + STATE_OFFSET) == 0 ? "" : "its owner unregistered it";
    }
}
