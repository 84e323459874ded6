// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Where the next bytes of a body go: a piece of a region, or nowhere. Threading: the connection's event loop. */
final class Segment {
    private final @Nullable ByteBuf memory;
    private final long bytes;

    private Segment(@Nullable ByteBuf memory, long bytes) {
        this.memory = memory;
        this.bytes = bytes;
    }

    /** Fills {@code target}, which stays its region's; whoever lands bytes sees to it that the region lives. */
    static Segment into(ByteBuffer target) {
        ByteBuf memory = Unpooled.wrappedBuffer(target).clear();
        return new Segment(memory, memory.capacity());
    }

    /** Takes bytes off the connection and forgets them. */
    static Segment drain(long bytes) {
        return new Segment(null, bytes);
    }

    @Nullable
    ByteBuf memory() {
        return memory;
    }

    /** Tells whether what was read is this segment's own memory, lent to the socket. */
    @SuppressWarnings("ReferenceEquality") // equal content is not the point
    boolean isIn(ByteBuf read) {
        return read == memory;
    }

    long bytes() {
        return bytes;
    }
}
