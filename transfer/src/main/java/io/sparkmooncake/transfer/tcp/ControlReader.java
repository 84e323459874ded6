// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.tcp.ControlFrame.Message;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Puts control frames together. Memory grows with the bytes that arrive, never with the length that a head claims.
 *
 * <p>Threading: the connection's event loop.
 */
final class ControlReader {
    private static final int FIRST_BODY_BYTES = 64 << 10;
    private static final byte[] EMPTY = {};

    private final ByteBuf headBytes = Unpooled.buffer(ControlFrame.HEAD_BYTES, ControlFrame.HEAD_BYTES);
    private @Nullable ControlFrame head;
    private byte[] body = EMPTY;
    private int filled;

    boolean isMidFrame() {
        return head != null || headBytes.isReadable();
    }

    /** Reads all of {@code in}, which stays the caller's; hands each whole frame to {@code sink}. */
    void read(ByteBuf in, Consumer<Message> sink) throws TransferException {
        while (in.isReadable()) {
            if (head == null) {
                headBytes.writeBytes(in, Math.min(in.readableBytes(), headBytes.writableBytes()));
                if (headBytes.isWritable()) {
                    return;
                }
                head = ControlFrame.readFrom(headBytes);
                headBytes.clear();
                body = new byte[Math.min(head.bodyBytes(), FIRST_BODY_BYTES)];
                filled = 0;
            }
            int wanted = head.bodyBytes();
            int bytes = Math.min(in.readableBytes(), wanted - filled);
            if (filled + bytes > body.length) {
                body = Arrays.copyOf(body, (int) Math.min(wanted, Math.max(filled + bytes, 2L * body.length)));
            }
            in.readBytes(body, filled, bytes);
            filled += bytes;
            if (filled == wanted) {
                Message message = new Message(head, body);
                head = null;
                body = EMPTY;
                sink.accept(message);
            }
        }
    }
}
