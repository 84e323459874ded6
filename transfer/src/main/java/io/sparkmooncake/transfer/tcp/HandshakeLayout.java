// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Frames of the handshake, big-endian. The head never changes between versions, so that every version can refuse every other.
 *
 * <pre>
 *   0        4         6      7      8            10     12
 *   +--------+---------+------+------+------------+------+---------------+
 *   | "MOON" | version | kind | code | body bytes |  0   | body          |
 *   +--------+---------+------+------+------------+------+---------------+
 *
 *   caller                                                        callee
 *     | HELLO    code=purpose, body=Hello                            |
 *     |-------------------------------------------------------------&gt;|
 *     |          body=nonce[32] HMAC(secret, callee ‖ transcript)[32] |
 *     |&lt;----------------------------------------------------- WELCOME |
 *     | PROOF    body=HMAC(secret, caller ‖ transcript)[32]           |
 *     |-------------------------------------------------------------&gt;|
 *     |          code=Verdict, body=text (UTF-8)                      |
 *     |&lt;----------------------------------------------------- VERDICT |
 *
 *   Hello
 *   0         1       2    4              12             20           52    54
 *   +---------+-------+----+--------------+--------------+------------+-----+------+-----+------+
 *   | purpose | flags | 0  | caller epoch | callee epoch | nonce[32]  | n   | name | n   | name |
 *   +---------+-------+----+--------------+--------------+------------+-----+------+-----+------+
 *                                                           UTF-8:     caller        expected callee
 * </pre>
 *
 * <p>{@code transcript} is version ‖ Hello ‖ the callee's nonce: a proof is good for these two lives, this purpose and this
 * connection only. Either end may send a VERDICT that refuses instead of its next frame.
 */
final class HandshakeLayout {
    static final int MAGIC = 0x4D4F4F4E;
    static final int VERSION = 1;
    static final int HEAD_BYTES = 12;

    /** A frame fits the one buffer that a caller is given before it proved the secret. */
    static final int MAX_BODY_BYTES = ReceiveBuffer.HANDSHAKE_BYTES - HEAD_BYTES;

    static final int NONCE_BYTES = 32;

    /** The longest HELLO with two names of this length is a frame of the longest body. */
    static final int MAX_NAME_BYTES = (MAX_BODY_BYTES - 56) / 2;

    private static final int ENCRYPTED = 1;

    private HandshakeLayout() {}

    /** Kinds of frames. */
    enum Kind {
        HELLO(1),
        WELCOME(2),
        PROOF(3),
        VERDICT(4);

        private final int code;

        Kind(int code) {
            this.code = code;
        }
    }

    /** A frame as it arrived; {@code kind} may be unknown. */
    static final class Frame {
        private final int version;
        private final int kind;
        private final int code;
        private final byte[] body;

        private Frame(int version, int kind, int code, byte[] body) {
            this.version = version;
            this.kind = kind;
            this.code = code;
            this.body = body;
        }

        int version() {
            return version;
        }

        boolean is(Kind expected) {
            return kind == expected.code;
        }

        int kind() {
            return kind;
        }

        int code() {
            return code;
        }

        byte[] body() {
            return body;
        }

        /** Returns the text of a verdict without what could forge lines of a log. */
        String text() {
            return printable(new String(body, UTF_8));
        }
    }

    /**
     * Who calls whom, and what for.
     *
     * @param purpose code of a {@link Purpose}
     * @param encrypted whether the caller will speak in encrypted records
     * @param callerName who calls
     * @param callerEpoch its life
     * @param calleeName who is meant
     * @param calleeEpoch its life
     */
    record Hello(
            int purpose, boolean encrypted, String callerName, long callerEpoch, String calleeName, long calleeEpoch) {

        byte[] encode(byte[] nonce) {
            byte[] caller = callerName.getBytes(UTF_8);
            byte[] callee = calleeName.getBytes(UTF_8);
            if (caller.length > MAX_NAME_BYTES || callee.length > MAX_NAME_BYTES) {
                throw new IllegalArgumentException("name bytes=" + Math.max(caller.length, callee.length) + " max="
                        + MAX_NAME_BYTES + ": choose a shorter executor id");
            }
            return ByteBuffer.allocate(56 + caller.length + callee.length)
                    .put((byte) purpose)
                    .put((byte) (encrypted ? ENCRYPTED : 0))
                    .putShort((short) 0)
                    .putLong(callerEpoch)
                    .putLong(calleeEpoch)
                    .put(nonce)
                    .putShort((short) caller.length)
                    .put(caller)
                    .putShort((short) callee.length)
                    .put(callee)
                    .array();
        }

        static Hello decode(byte[] body) throws TransferException {
            try {
                ByteBuffer in = ByteBuffer.wrap(body);
                int purpose = in.get();
                int flags = in.get();
                in.getShort();
                long callerEpoch = in.getLong();
                long calleeEpoch = in.getLong();
                in.position(in.position() + NONCE_BYTES);
                String caller = name(in);
                String callee = name(in);
                if (in.hasRemaining() || caller.isEmpty()) {
                    throw malformed("HELLO with trailing bytes=" + in.remaining() + " caller=" + printable(caller));
                }
                return new Hello(purpose, flags == ENCRYPTED, caller, callerEpoch, callee, calleeEpoch);
            } catch (BufferUnderflowException | IllegalArgumentException e) {
                throw new TransferException(Code.PROTOCOL, "HELLO cut short at bytes=" + body.length, e);
            }
        }

        private static String name(ByteBuffer in) throws TransferException {
            int length = Short.toUnsignedInt(in.getShort());
            if (length > MAX_NAME_BYTES) {
                throw malformed("HELLO with name bytes=" + length + " max=" + MAX_NAME_BYTES);
            }
            byte[] bytes = new byte[length];
            in.get(bytes);
            return new String(bytes, UTF_8);
        }
    }

    static ByteBuf frame(Kind kind, int code, byte[] body) {
        return frame(VERSION, kind, code, body);
    }

    static ByteBuf frame(int version, Kind kind, int code, byte[] body) {
        return Unpooled.buffer(HEAD_BYTES + body.length)
                .writeInt(MAGIC)
                .writeShort(version)
                .writeByte(kind.code)
                .writeByte(code)
                .writeShort(body.length)
                .writeShort(0)
                .writeBytes(body);
    }

    static ByteBuf verdict(Verdict verdict, String text) {
        byte[] bytes = text.getBytes(UTF_8);
        return frame(Kind.VERDICT, verdict.wireCode(), Arrays.copyOf(bytes, Math.min(bytes.length, MAX_BODY_BYTES)));
    }

    static byte[] transcript(byte[] hello, byte[] calleeNonce) {
        return ByteBuffer.allocate(2 + hello.length + calleeNonce.length)
                .putShort((short) VERSION)
                .put(hello)
                .put(calleeNonce)
                .array();
    }

    /** Takes the frame at the front of {@code in} if it has wholly arrived, else null and nothing is taken. */
    static @Nullable Frame take(ByteBuf in) throws TransferException {
        int known = Math.min(in.readableBytes(), 4);
        for (int i = 0; i < known; i++) {
            if (in.getByte(in.readerIndex() + i) != (byte) (MAGIC >>> (24 - 8 * i))) {
                throw malformed("not a mooncake handshake: it starts with 0x"
                        + ByteBufUtil.hexDump(in, in.readerIndex(), known));
            }
        }
        if (in.readableBytes() < HEAD_BYTES) {
            return null;
        }
        int start = in.readerIndex();
        int bodyBytes = in.getUnsignedShort(start + 8);
        if (bodyBytes > MAX_BODY_BYTES) {
            throw malformed("handshake frame body bytes=" + bodyBytes + " max=" + MAX_BODY_BYTES);
        }
        if (in.readableBytes() < HEAD_BYTES + bodyBytes) {
            return null;
        }
        byte[] body = new byte[bodyBytes];
        in.getBytes(start + HEAD_BYTES, body);
        in.skipBytes(HEAD_BYTES + bodyBytes);
        return new Frame(in.getUnsignedShort(start + 4), in.getByte(start + 6), in.getByte(start + 7), body);
    }

    /** Returns a stranger's text without what could forge lines of a log. */
    static String printable(String text) {
        return text.replaceAll("[\\p{Cntrl}\\p{Zl}\\p{Zp}]", "?");
    }

    static TransferException malformed(String what) {
        return new TransferException(Code.PROTOCOL, what);
    }
}
