// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Head of a frame on a control connection, big-endian.
 *
 * <pre>
 *   0      1      2            4               8            16
 *   +------+------+------------+---------------+------------+--------------+---------+
 *   | kind |  0   | name bytes | payload bytes | request id | service name | payload |
 *   +------+------+------------+---------------+------------+--------------+---------+
 *
 *   ASK      caller to callee   service name and request
 *   ANSWER   callee to caller   answer
 *   REFUSE   callee to caller   reason (UTF-8)
 * </pre>
 *
 * @param kind what it is
 * @param nameBytes length of the service name; 0 unless an ask
 * @param payloadBytes length of what follows the name
 * @param requestId chosen by the caller; an answer repeats it
 */
record ControlFrame(Kind kind, int nameBytes, int payloadBytes, long requestId) {
    static final int HEAD_BYTES = 16;
    static final int MAX_NAME_BYTES = 255;
    static final int MAX_PAYLOAD_BYTES = 64 << 20;

    /** Kinds of frames; codes are append-only. */
    enum Kind {
        ASK(1),
        ANSWER(2),
        REFUSE(3);

        private final int code;

        Kind(int code) {
            this.code = code;
        }

        static @Nullable Kind of(int code) {
            for (Kind kind : values()) {
                if (kind.code == code) {
                    return kind;
                }
            }
            return null;
        }
    }

    int bodyBytes() {
        return nameBytes + payloadBytes;
    }

    void writeTo(ByteBuf out) {
        out.writeByte(kind.code)
                .writeByte(0)
                .writeShort(nameBytes)
                .writeInt(payloadBytes)
                .writeLong(requestId);
    }

    /** Reads the head at the reader index, where {@link #HEAD_BYTES} are readable. */
    static ControlFrame readFrom(ByteBuf in) throws TransferException {
        int code = in.readByte();
        in.skipBytes(1);
        int nameBytes = in.readUnsignedShort();
        int payloadBytes = in.readInt();
        long requestId = in.readLong();
        Kind kind = Kind.of(code);
        if (kind == null || nameBytes > MAX_NAME_BYTES || payloadBytes < 0 || payloadBytes > MAX_PAYLOAD_BYTES) {
            throw new TransferException(
                    Code.PROTOCOL,
                    "control frame kind=" + code + " name bytes=" + nameBytes + " payload bytes="
                            + Integer.toUnsignedString(payloadBytes) + " limit=" + MAX_PAYLOAD_BYTES
                            + " is none of ours");
        }
        return new ControlFrame(kind, nameBytes, payloadBytes, requestId);
    }

    /** A frame that has wholly arrived. */
    static final class Message {
        private final ControlFrame head;
        private final byte[] body;

        Message(ControlFrame head, byte[] body) {
            this.head = head;
            this.body = body;
        }

        ControlFrame head() {
            return head;
        }

        String service() {
            return new String(body, 0, head.nameBytes, UTF_8);
        }

        String text() {
            return new String(body, head.nameBytes, head.payloadBytes, UTF_8);
        }

        ByteBuffer payload() {
            return ByteBuffer.wrap(body, head.nameBytes, head.payloadBytes).slice();
        }
    }
}
