// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * First page of a shareable region's file, little-endian; the region's bytes follow it. Whoever maps the file compares the
 * page with the descriptor, so a recycled descriptor, another process or an earlier life is never taken for the region.
 *
 * <pre>
 *    0                 8                16
 *   +-----------------+--------+--------+
 *   | magic           | version| body   |  body: 0 mapped, 1 read from the file
 *   +-----------------+--------+--------+
 *   | region id       | key             |
 *   +-----------------+-----------------+
 *   | size in bytes   | 0 ...           |
 *   +-----------------+-----------------+   up to 4096
 * </pre>
 */
final class RegionHeaderLayout {
    static final int SIZE_BYTES = 4096;

    private static final long MAGIC = 0x4b4f4f434e4f4f4dL;
    private static final int VERSION = 2;
    private static final int MAGIC_AT = 0;
    private static final int VERSION_AT = 8;
    private static final int BODY_AT = 12;
    private static final int ID_AT = 16;
    private static final int KEY_AT = 24;
    private static final int SIZE_AT = 32;

    /** How a region's bytes are reached. */
    enum Body {
        MAPPED(0),
        FILE(1);

        private final int code;

        Body(int code) {
            this.code = code;
        }
    }

    private RegionHeaderLayout() {}

    static ByteBuffer encode(long id, long key, long sizeBytes, Body body) {
        ByteBuffer page = ByteBuffer.allocate(SIZE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        page.putLong(MAGIC_AT, MAGIC).putInt(VERSION_AT, VERSION).putInt(BODY_AT, body.code);
        page.putLong(ID_AT, id).putLong(KEY_AT, key).putLong(SIZE_AT, sizeBytes);
        return page;
    }

    /** Makes the page match no descriptor, before anything that its owner writes from now on. */
    static void revoke(MappedMemory page) {
        page.putLongBeforeWrites(MAGIC_AT, 0);
    }

    /** Tells whether the page was revoked after everything that this thread read before. */
    static boolean isRevoked(MappedMemory page) {
        return page.getLongAfterReads(MAGIC_AT) == 0;
    }

    /** Returns how the bytes are reached of a region whose page was verified. */
    static Body body(ByteBuffer page) {
        return page.duplicate().order(ByteOrder.LITTLE_ENDIAN).getInt(BODY_AT) == Body.FILE.code
                ? Body.FILE
                : Body.MAPPED;
    }

    /** Throws unless the page is that of the described region. */
    static void verify(ByteBuffer page, RegionDescriptor expected) throws IOException {
        ByteBuffer header = page.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        if (header.getLong(MAGIC_AT) != MAGIC) {
            throw new IOException(expected.path() + " holds no region: it was revoked, or the descriptor was reused");
        }
        if (header.getInt(VERSION_AT) != VERSION) {
            throw new IOException(expected.path() + " has region version=" + header.getInt(VERSION_AT)
                    + ", this build reads version=" + VERSION);
        }
        if (header.getLong(ID_AT) != expected.id() || header.getLong(SIZE_AT) != expected.sizeBytes()) {
            throw new IOException(expected.path() + " holds region id=" + header.getLong(ID_AT) + " size="
                    + header.getLong(SIZE_AT) + ", expected id=" + expected.id() + " size=" + expected.sizeBytes());
        }
        if (header.getLong(KEY_AT) != expected.key()) {
            throw new IOException(expected.path() + " holds region id=" + expected.id() + " under another key");
        }
    }
}
