// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;

/**
 * Reads a frame. A process reads everything that a thousand others publish: a stream with a lock for each byte took most of that time.
 *
 * <p>Every method throws {@link BufferUnderflowException} where the frame ends too early. Threading: one thread.
 */
final class FrameInput {
    private final ByteBuffer frame;

    FrameInput(byte[] frame) {
        this.frame = ByteBuffer.wrap(frame);
    }

    int remaining() {
        return frame.remaining();
    }

    boolean bool() {
        return frame.get() != 0;
    }

    int unsignedByte() {
        return Byte.toUnsignedInt(frame.get());
    }

    int unsignedShort() {
        return Short.toUnsignedInt(frame.getShort());
    }

    int int32() {
        return frame.getInt();
    }

    long int64() {
        return frame.getLong();
    }

    byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        frame.get(bytes);
        return bytes;
    }

    String text() {
        int length = unsignedShort();
        if (length > frame.remaining()) {
            throw new BufferUnderflowException();
        }
        String text = new String(frame.array(), frame.position(), length, UTF_8);
        frame.position(frame.position() + length);
        return text;
    }
}
