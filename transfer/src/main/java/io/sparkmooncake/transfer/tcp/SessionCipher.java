// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelPipeline;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * Seals or opens the records of one direction of one connection with AES-128-GCM. Both ends count records, so a record that
 * is lost, repeated, reordered or changed does not open.
 *
 * <pre>
 *   0             4                             4 + n            4 + n + 16
 *   +-------------+-----------------------------+----------------+
 *   | bytes n+16  | sealed bytes, n &lt;= 65,536   | tag            |
 *   +-------------+-----------------------------+----------------+
 *   nonce = 4 bytes of the session key ‖ i64 number of the record; the length is authenticated
 * </pre>
 *
 * <p>Threading: the connection's event loop.
 */
final class SessionCipher {
    static final int LENGTH_BYTES = 4;
    static final int TAG_BYTES = 16;
    static final int MAX_PLAIN_BYTES = 64 << 10;
    private static final int KEY_BYTES = 16;

    private final int mode;
    private final Cipher cipher;
    private final SecretKeySpec key;
    private final byte[] nonce = new byte[12];
    private long records;

    private SessionCipher(int mode, byte[] session) {
        this.mode = mode;
        this.key = new SecretKeySpec(session, 0, KEY_BYTES, "AES");
        System.arraycopy(session, KEY_BYTES, nonce, 0, 4);
        try {
            this.cipher = Cipher.getInstance("AES/GCM/NoPadding");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no AES-GCM", e);
        }
    }

    static SessionCipher sealing(Secret secret, Role sender, byte[] transcript) {
        return new SessionCipher(Cipher.ENCRYPT_MODE, secret.sessionKey(sender, transcript));
    }

    static SessionCipher opening(Secret secret, Role sender, byte[] transcript) {
        return new SessionCipher(Cipher.DECRYPT_MODE, secret.sessionKey(sender, transcript));
    }

    /** Puts both directions of this end before the last handlers of a pipeline. */
    static void install(ChannelPipeline pipeline, Secret secret, Role self, byte[] transcript) {
        pipeline.addLast(new RecordDecoder(opening(secret, self.other(), transcript)));
        pipeline.addLast(new RecordEncoder(sealing(secret, self, transcript)));
    }

    long records() {
        return records;
    }

    /** Moves {@code bytes} from {@code plain} into a record at the writer index of {@code record}, which has the room. */
    void seal(ByteBuf plain, int bytes, ByteBuf record) throws GeneralSecurityException {
        int sealedBytes = bytes + TAG_BYTES;
        record.writeInt(sealedBytes);
        run(plain.nioBuffer(plain.readerIndex(), bytes), record.nioBuffer(record.writerIndex(), sealedBytes));
        plain.skipBytes(bytes);
        record.writerIndex(record.writerIndex() + sealedBytes);
    }

    /** Moves the record of {@code sealedBytes} at the reader index of {@code sealed} (after its length) into {@code plain}. */
    void open(ByteBuf sealed, int sealedBytes, ByteBuf plain) throws GeneralSecurityException {
        int bytes = sealedBytes - TAG_BYTES;
        run(sealed.nioBuffer(sealed.readerIndex(), sealedBytes), plain.nioBuffer(plain.writerIndex(), bytes));
        sealed.skipBytes(sealedBytes);
        plain.writerIndex(plain.writerIndex() + bytes);
    }

    private void run(ByteBuffer in, ByteBuffer out) throws GeneralSecurityException {
        ByteBuffer.wrap(nonce).putLong(4, records);
        cipher.init(mode, key, new GCMParameterSpec(8 * TAG_BYTES, nonce));
        int sealedBytes = mode == Cipher.ENCRYPT_MODE ? in.remaining() + TAG_BYTES : in.remaining();
        cipher.updateAAD(ByteBuffer.allocate(LENGTH_BYTES).putInt(0, sealedBytes));
        int unused = cipher.doFinal(in, out);
        records++;
    }
}
