// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelConfig;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Decides into what memory Netty reads from one connection's socket: by default a buffer of fixed size, and while a body is
 * expected the destination region itself, so that nothing is copied between socket and region.
 *
 * <p>Threading: the connection's event loop only, after construction.
 */
final class ReceiveBuffer implements RecvByteBufAllocator {
    /** Enough for every frame of a handshake, and all that an unauthenticated caller makes this process hold. */
    static final int HANDSHAKE_BYTES = 2048;

    static final int DEFAULT_BYTES = 64 << 10;
    private static final int MAX_TURN_READS = 64;
    private static final long MAX_TURN_BYTES = 8L << 20;

    private Plan plan = allocator -> allocator.ioBuffer(HANDSHAKE_BYTES, HANDSHAKE_BYTES);

    /** Says where the next bytes go. */
    @FunctionalInterface
    interface Plan {
        /** Returns a buffer with room; the pipeline releases it, or hands it to the plan's owner as the message read. */
        ByteBuf next(ByteBufAllocator allocator);
    }

    /** Reads into buffers of {@link #DEFAULT_BYTES} from now on. */
    void useDefault() {
        plan = allocator -> allocator.ioBuffer(DEFAULT_BYTES, DEFAULT_BYTES);
    }

    /** Reads where {@code next} says from now on. */
    void follow(Plan next) {
        plan = next;
    }

    @Override
    @SuppressWarnings("deprecation") // the type is deprecated, its replacement extends it, Netty asks for it
    public Handle newHandle() {
        return new Turn();
    }

    /** One pass of the event loop over a readable socket: bounded, so that one fast peer does not starve the others. */
    private final class Turn implements ExtendedHandle {
        private @Nullable ChannelConfig config;
        private int reads;
        private long turnBytes;
        private int attemptedBytes;
        private int lastBytes;

        @Override
        public ByteBuf allocate(ByteBufAllocator allocator) {
            return plan.next(allocator);
        }

        @Override
        public int guess() {
            return DEFAULT_BYTES;
        }

        @Override
        public void reset(ChannelConfig config) {
            this.config = config;
            reads = 0;
            turnBytes = 0;
        }

        @Override
        public void incMessagesRead(int messages) {
            reads += messages;
        }

        @Override
        public void lastBytesRead(int bytes) {
            lastBytes = bytes;
            turnBytes += Math.max(0, bytes);
        }

        @Override
        public int lastBytesRead() {
            return lastBytes;
        }

        @Override
        public void attemptedBytesRead(int bytes) {
            attemptedBytes = bytes;
        }

        @Override
        public int attemptedBytesRead() {
            return attemptedBytes;
        }

        @Override
        public boolean continueReading() {
            return continueReading(() -> lastBytes == attemptedBytes);
        }

        @Override
        public boolean continueReading(UncheckedBooleanSupplier maybeMoreData) {
            return lastBytes > 0
                    && maybeMoreData.get()
                    && config != null
                    && config.isAutoRead()
                    && reads < MAX_TURN_READS
                    && turnBytes < MAX_TURN_BYTES;
        }

        @Override
        public void readComplete() {}
    }
}
